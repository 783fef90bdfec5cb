// Package postgres talks to PostgreSQL databases, with or without pgvector's types.
// It knows no product.
//
// Reading happens in one read-only transaction of isolation level REPEATABLE
// READ, so that all tables are of one moment, and takes rows out of COPY in
// their binary form. Each type that has an exact cell has a codec, used in both
// directions; every other type travels as the text that PostgreSQL makes of it.
package postgres
