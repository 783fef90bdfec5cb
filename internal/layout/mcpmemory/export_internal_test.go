package mcpmemory

// ContentHash is contentHash for tests.
var ContentHash = contentHash
