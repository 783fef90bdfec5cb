"""Works on a database with sqlite-vec itself. Each line of the input is a JSON array: a
statement and its parameters, of which {"hex": ...} is bytes. Each line of the output is
the rows of a statement, or {"error": ...}.

    theirs.py PATH
"""
import json
import sys

try:
    import pysqlite3 as sqlite3
except ImportError:
    import sqlite3
import sqlite_vec

db = sqlite3.connect(sys.argv[1])
db.enable_load_extension(True)
sqlite_vec.load(db)


def show(value):
    return {"hex": value.hex()} if isinstance(value, bytes) else value


for line in sys.stdin:
    sql, *values = json.loads(line)
    values = [bytes.fromhex(v["hex"]) if isinstance(v, dict) else v for v in values]
    try:
        print(json.dumps([[show(v) for v in row] for row in db.execute(sql, values)]))
    except sqlite3.Error as e:
        print(json.dumps({"error": str(e)}))
db.commit()
