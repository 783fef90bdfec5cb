// Package vec0 reads and writes the virtual tables of sqlite-vec, an extension of
// SQLite for vectors, without the extension: it registers a module of the same name
// that keeps rows in the same shadow tables. It knows nothing of searching.
//
// The shadow tables of a table T, as sqlite-vec 0.1 makes them
// (https://github.com/asg017/sqlite-vec, ARCHITECTURE.md and sqlite-vec.c):
//
//	T_info             key, value: the version that made the table
//	T_rowids           rowid, id (a text key), chunk_id, chunk_offset: where a row's values stand
//	T_chunks           chunk_id, size, partitionNN, validity (a bit a slot), rowids (8 bytes a slot)
//	T_vector_chunksNN  rowid (the chunk), vectors: one after the other
//	T_metadatachunksNN rowid (the chunk), data: bits, 8 bytes a slot, or 16 for a text's length and start
//	T_metadatatextNN   rowid (the row), data: a text of more than 12 bytes
//	T_auxiliary        rowid, valueNN
//
// All numbers are little-endian. A row has a slot in one chunk, and all rows of a chunk
// are of one partition.
package vec0
