package lens

import (
	"math"
	"strconv"

	"github.com/memarc/memarc/format"
	"github.com/memarc/memarc/internal/store"
)

// A timeForm is how a program writes times as text: date, separator, time of
// day, fraction, zone.
type timeForm struct {
	name      string
	separator byte
	// digits lists the numbers of fraction digits the program chooses from: the
	// first that loses nothing.
	digits []int
	zone   string
}

// timeForms are the text forms of times, by lens.
var timeForms = []timeForm{
	{"time-rfc3339", 'T', []int{0, 3, 6, 9}, "+00:00"},   // Rust's chrono, to_rfc3339
	{"time-rfc3339-z", 'T', []int{0, 3, 6, 9}, "Z"},      // chrono, SecondsFormat::AutoSi with use_z
	{"time-python", 'T', []int{0, 6, 9}, "+00:00"},       // Python's isoformat of an aware time
	{"time-python-naive", 'T', []int{0, 6, 9}, ""},       // Python's isoformat of a naive time
	{"time-python-space", ' ', []int{0, 6, 9}, "+00:00"}, // the same, as Python's sqlite3 writes it
	{"time-sqlalchemy", ' ', []int{6}, ""},               // SQLAlchemy's DATETIME in SQLite; cut after the microsecond
	{"time-millis-z", 'T', []int{3, 6, 9}, "Z"},          // JavaScript's toISOString
	{"time-micros-z", 'T', []int{6, 9}, "Z"},             // strftime with %.6f
	{"time-sqlite", ' ', []int{0, 3, 6, 9}, ""},          // SQLite's datetime()
	{"time-pydantic", 'T', []int{0, 6, 9}, "Z"},          // Pydantic's JSON of an aware time
}

const daySeconds = 86400

// timeText is TEXT in one form. Any other form that names a moment is read and
// left over.
func timeText(f *timeForm) *Lens {
	return &Lens{Name: f.name, Type: format.Time,
		Get: func(native *store.Cells, field *format.Column, left func(int)) {
			for row, k := range native.Kinds {
				if k == store.Null {
					field.AppendNull()
					continue
				}
				raw := native.Bytes(row)
				ns, digits, zone, ok := parseTime(raw)
				if k != store.Text || !ok {
					field.AppendNull()
					left(row)
					continue
				}
				field.AppendInt(ns)
				// Put writes it back just so if it has the form's marks.
				if raw[10] != f.separator || zone != f.zone || digits != f.fraction(ns) {
					left(row)
				}
			}
		},
		Put: func(field *format.Column, row int, native *store.Cells) {
			var buf [40]byte
			native.AppendText(f.append(buf[:0], field.Int(row)))
		},
		Exact: func(field *format.Column, row int) bool { return field.Int(row)%units[f.fraction(field.Int(row))] == 0 },
	}
}

// units holds, for each number of fraction digits, the nanoseconds of the last.
var units = [10]int64{1e9, 1e8, 1e7, 1e6, 1e5, 1e4, 1e3, 1e2, 1e1, 1}

// fraction returns how many fraction digits the form gives a time.
func (f *timeForm) fraction(ns int64) int {
	for _, n := range f.digits {
		if ns%units[n] == 0 {
			return n
		}
	}
	return f.digits[len(f.digits)-1]
}

// append writes a time in the form.
func (f *timeForm) append(dst []byte, ns int64) []byte {
	sec, frac := ns/1_000_000_000, ns%1_000_000_000
	if frac < 0 {
		sec, frac = sec-1, frac+1e9
	}
	day, second := sec/daySeconds, sec%daySeconds
	if second < 0 {
		day, second = day-1, second+daySeconds
	}
	year, month, date := civil(day)
	dst = pad(dst, year, 4)
	dst = pad(append(dst, '-'), month, 2)
	dst = pad(append(dst, '-'), date, 2)
	dst = pad(append(dst, f.separator), int(second/3600), 2)
	dst = pad(append(dst, ':'), int(second/60%60), 2)
	dst = pad(append(dst, ':'), int(second%60), 2)
	if n := f.fraction(ns); n > 0 {
		dst = pad(append(dst, '.'), int(frac/units[n]), n)
	}
	return append(dst, f.zone...)
}

func pad(dst []byte, v, width int) []byte {
	var digits [20]byte
	s := strconv.AppendInt(digits[:0], int64(v), 10)
	for i := len(s); i < width; i++ {
		dst = append(dst, '0')
	}
	return append(dst, s...)
}

// civil turns days since 1970-01-01 into a date of the Gregorian calendar, by
// eras of 400 years that start in March.
func civil(day int64) (year, month, date int) {
	day += 719468
	era := day / 146097
	if day < 0 {
		era = (day - 146096) / 146097
	}
	doe := day - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	date = int(doy - (153*mp+2)/5 + 1)
	month = int(mp + 3)
	if mp >= 10 {
		month = int(mp - 9)
	}
	year = int(yoe + era*400)
	if month <= 2 {
		year++
	}
	return year, month, date
}

// days is the reverse of civil.
func days(year, month, date int) int64 {
	if month <= 2 {
		year--
	}
	era := year / 400
	if year < 0 {
		era = (year - 399) / 400
	}
	yoe := year - era*400
	mp := (month + 9) % 12
	doy := (153*mp+2)/5 + date - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return int64(era)*146097 + int64(doe) - 719468
}

// parseTime reads a date and a time of day with 0 to 9 fraction digits, with a
// zone or, without one, in UTC, and says how many digits and which of the common
// spellings of UTC it has. It fails beyond 64-bit nanoseconds.
func parseTime(s []byte) (ns int64, digits int, zone string, ok bool) {
	number := func(at, n int) int {
		v := 0
		for _, b := range s[at : at+n] {
			if b < '0' || b > '9' {
				ok = false
				return 0
			}
			v = v*10 + int(b-'0')
		}
		return v
	}
	ok = true
	if len(s) < 19 || s[4] != '-' || s[7] != '-' || s[10] != 'T' && s[10] != ' ' || s[13] != ':' || s[16] != ':' {
		return 0, 0, "", false
	}
	year, month, date := number(0, 4), number(5, 2), number(8, 2)
	hour, minute, second := number(11, 2), number(14, 2), number(17, 2)
	if !ok || month < 1 || month > 12 || date < 1 || date > monthDays(year, month) || hour > 23 || minute > 59 || second > 59 {
		return 0, 0, "", false
	}
	rest := s[19:]
	frac := int64(0)
	if len(rest) > 0 && rest[0] == '.' {
		n := 1
		for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
			n++
		}
		if n == 1 || n > 10 {
			return 0, 0, "", false
		}
		for i := 1; i < 10; i++ {
			frac *= 10
			if i < n {
				frac += int64(rest[i] - '0')
			}
		}
		digits, rest = n-1, rest[n:]
	}
	offset, zone, ok := parseZone(rest)
	if !ok {
		return 0, 0, "", false
	}
	sec := days(year, month, date)*daySeconds + int64(hour*3600+minute*60+second) - offset
	if sec < math.MinInt64/1_000_000_000 || sec >= math.MaxInt64/1_000_000_000 {
		return 0, 0, "", false
	}
	return sec*1_000_000_000 + frac, digits, zone, true
}

// parseZone reads Z, +hh:mm, -hh:mm, or nothing; the offset is in seconds. The
// spelling of any other zone than UTC is "other".
func parseZone(s []byte) (offset int64, spelling string, ok bool) {
	switch string(s) {
	case "":
		return 0, "", true
	case "Z":
		return 0, "Z", true
	case "+00:00":
		return 0, "+00:00", true
	}
	if len(s) != 6 || s[0] != '+' && s[0] != '-' || s[3] != ':' {
		return 0, "", false
	}
	for _, i := range [4]int{1, 2, 4, 5} {
		if s[i] < '0' || s[i] > '9' {
			return 0, "", false
		}
	}
	h, m := int64(s[1]-'0')*10+int64(s[2]-'0'), int64(s[4]-'0')*10+int64(s[5]-'0')
	if h > 23 || m > 59 {
		return 0, "", false
	}
	if s[0] == '-' {
		return -(h*3600 + m*60), "other", true
	}
	return h*3600 + m*60, "other", true
}

func monthDays(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// unix is INTEGER in units of so many nanoseconds since 1970.
func unix(name string, unit int64) *Lens {
	return &Lens{Name: name, Type: format.Time,
		Get: each(func(native *store.Cells, row int, field *format.Column) bool {
			v := native.Int(row)
			if native.Kinds[row] != store.Integer || v > math.MaxInt64/unit || v < math.MinInt64/unit {
				field.AppendNull()
				return false
			}
			field.AppendInt(v * unit)
			return true
		}),
		Put: func(field *format.Column, row int, native *store.Cells) {
			ns := field.Int(row)
			v := ns / unit
			if ns%unit < 0 && v > math.MinInt64/unit { // round down, also before 1970, but to what can be read
				v--
			}
			native.AppendInt(v)
		},
		Exact: func(field *format.Column, row int) bool { return field.Int(row)%unit == 0 },
	}
}
