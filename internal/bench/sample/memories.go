package sample

// A memory of the project store.
type memory struct {
	kind, text, source string
	tags               string // JSON, as the product or a script wrote it
	day                int    // after start
	fraction           int    // nanoseconds of the times
	reps               int
	state              string
}

// memories are what an agent has kept of a small project: a service that
// forecasts water levels in harbours.
var memories = []memory{
	{"decision", "Tidewatch stores observations in SQLite, one file per harbour. Postgres was considered and put off: the box on the pier has 512 MB of memory and no network for days.", "conversation", `["tidewatch","architecture","sqlite"]`, 0, 123456789, 9, "review"},
	{"fact", "The sensor at Nordmole reports centimetres above chart datum, the one at Südmole reports metres above mean sea level. Offset between the two: 4.18 m.", "conversation", `["tidewatch","sensors","units"]`, 1, 481516234, 12, "review"},
	{"procedure", "Release: bump version in Cargo.toml, run `just check`, tag vX.Y.Z, push the tag. CI builds the arm64 image; the pier pulls it at the next low tide.", "conversation", `["tidewatch","release"]`, 2, 5000000, 7, "review"},
	{"fact", "Mareike owns the forecasting model, Tomasz the ingestion, and nobody the dashboard since May.", "conversation", `["tidewatch","people"]`, 2, 0, 3, "review"},
	{"event", "2026-01-09: forecasts were 50 minutes late for six hours. Cause: the cron job ran in local time after the image moved from UTC to Europe/Berlin. Fix: TZ=UTC in the unit file.", "conversation", `["tidewatch","incident","timezones"]`, 4, 730000000, 5, "review"},
	{"pattern", "Three of four incidents so far came from time zones or units, none from the model. Check those first.", "consolidation", `["tidewatch","incident"]`, 11, 1000, 2, "review"},
	{"concept", "Harmonic constituents: M2 and S2 dominate here; K1 matters only at springs. Residual after harmonics is mostly wind setup, so the model takes wind from the last 12 h.", "conversation", `["tidewatch","model","tides"]`, 5, 999999999, 8, "review"},
	{"decision", "Alerts go out at 0.8 of the quay height, not at 0.9: false alarms cost a phone call, a missed one cost a flooded workshop in 2023.", "conversation", `["tidewatch","alerts"]`, 6, 42, 6, "review"},
	{"code", "fn residual(obs: &[f64], harm: &[f64]) -> Vec<f64> {\n    obs.iter().zip(harm).map(|(o, h)| o - h).collect()\n}", "file:src/model.rs", `["rust","model"]`, 7, 250000000, 1, "learning"},
	{"question", "Is the 3 cm step in Nordmole's series on 14 January a sensor move or the storm? Ask the harbour master for the maintenance log.", "conversation", `["tidewatch","open-question","sensors"]`, 10, 600700800, 0, "new"},
	{"note", "The user prefers short commit messages in the imperative, British spelling, and no emoji in code — \"keep those for chat 🌊\".", "conversation", `["preferences"]`, 3, 100200300, 14, "review"},
	{"fact", "Test data: tests/fixtures/2025-storm.csv, 8 641 rows, one per minute, gap from 03:12 to 03:47 on purpose.", "conversation", `["tidewatch","testing"]`, 8, 90000, 2, "review"},
	{"procedure", "To replay a day: `tidewatch replay --harbour nordmole --day 2026-01-14 --speed 60`. Needs the .db copied first; replay writes to forecasts.", "conversation", `["tidewatch","debugging"]`, 12, 7, 3, "review"},
	{"event", "Upgraded rusqlite 0.31 to 0.32; the bundled SQLite changed the query plan of latest_by_sensor, 4 ms to 900 ms. ANALYZE brought it back.", "conversation", `["tidewatch","sqlite","performance"]`, 14, 333333333, 4, "review"},
	{"relationship", "The dashboard depends on /v1/levels?window=36h; the pier display on /v1/now. Changing either needs a word with both.", "conversation", `["tidewatch", "api"]`, 15, 121212121, 2, "relearning"}, // a script's JSON, with a blank
	{"quote", "»Wenn die Pegel lügen, lügt auch der Wetterbericht.« – the harbour master, on calibrating against the staff gauge by eye", "conversation", `["people","sensors"]`, 16, 808080808, 1, "learning"},
	{"fact", "API keys for the wind service live in the pass store under harbour/wind; never in the repository. Rotation is due every 90 days.", "conversation", `["tidewatch","security"]`, 17, 616161616, 2, "review"},
	{"decision", "Dropped the idea of a phone app. A text message with the level and a link is what the skippers asked for (日本の船長も同じ意見).", "conversation", `["tidewatch","product"]`, 18, 272727272, 1, "review"},
	{"fact", "Old: alerts go out at 0.9 of the quay height.", "conversation", `["tidewatch","alerts"]`, 1, 555000000, 4, "review"},
	{"insight", "Low water at Südmole lags Nordmole by 11 to 14 minutes, more with easterly wind; the lag may predict the setup better than the anemometer does.", "dream", `[]`, 20, 198200199, 0, "new"},
}

// A link between two memories, by number.
type link struct {
	from, to int
	kind     string
	strength float64
	used     int
}

var links = []link{
	{0, 13, "causal", 0.62, 3}, {1, 9, "semantic", 0.71, 5}, {1, 15, "shared_concepts", 0.33, 1}, {2, 3, "part_of", 0.4, 2},
	{4, 5, "pattern", 0.93, 8}, {1, 5, "pattern", 0.88, 4}, {6, 8, "part_of", 0.66, 2}, {6, 19, "semantic", 0.7431448254773942, 1},
	{7, 18, "cross_reference", 1, 2}, {9, 12, "sequential", 0.51, 1}, {11, 12, "user_defined", 0.45, 0}, {13, 0, "temporal", 0.1, 1},
	{14, 7, "semantic", 0.29, 0}, {17, 7, "causal", 0.37, 1},
}
