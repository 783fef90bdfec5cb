package falkordb

// What tests look at from outside.
var (
	Compose = compose
	Decode  = func(code, raw any) (any, error) {
		return (&names{labels: []string{"L"}, keys: []string{"k"}, types: []string{"T"}}).value(code, raw)
	}
	ParseReply = func(raw any) (*Result, error) { return parse(raw, &names{}) }
)
