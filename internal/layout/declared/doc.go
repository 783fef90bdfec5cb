// Package declared reads a layout from a YAML file, so that a user adds a
// product without Go, and drafts such a file for a database that no layout
// knows. A file is data: names of tables, columns, fields and lenses. Nothing in
// it is code.
//
//	layout: notebook        # the layout's name: a-z, 0-9, - and _, a letter first
//	version: 1              # of this kind of file
//	tables:
//	  - table: notes
//	    section: memories   # a standard section, FORMAT.md section 8
//	    updated: changed    # the column that says when a row was last changed
//	    columns:
//	      - {column: id, field: id, lens: int-text}
//	      - {column: body, field: content, lens: text}
//	      - {column: labels, field: tags, lens: json-list}
//	      - {column: changed, field: updated_at, lens: unix-millis}
//	      - {column: vector, lens: f32}
//	      - {column: colour}
//	  - table: settings
//	    columns:
//	      - {column: options, lens: json}
//	skip: [notes_search]    # derived tables: not carried, the product rebuilds them
//
// A table with a section gives one record of it per row. A section belongs to
// one table, a field to one column, and the lens of a column must have the type
// of its field. A column without a field becomes a field of the layout's own, by
// its lens or, without one, by its declared type. A table without a section is
// carried as it is. So are the columns and tables that the file does not list:
// nothing is lost by leaving something out.
//
// A database is a store of the layout if it has all listed tables with all
// listed columns.
//
// Draft lists every table and column with the lenses that give back every value
// it has looked at, and guesses sections and fields by names and values.
package declared
