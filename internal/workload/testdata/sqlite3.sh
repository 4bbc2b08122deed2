#seal sqlite3 : sh
sqlite3 db <<'SQL'
PRAGMA journal_mode=WAL;
CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT);
WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<5000) INSERT INTO t SELECT x, hex(x) FROM c;
CREATE INDEX i ON t(v);
SELECT count(*), sum(id) FROM t;
UPDATE t SET v='changed' WHERE id%10=0;
SELECT count(*) FROM t WHERE v='changed';
PRAGMA wal_checkpoint(TRUNCATE);
PRAGMA integrity_check;
PRAGMA mmap_size=1000000;
SELECT max(v) FROM t;
ATTACH 'other' AS o;
CREATE TABLE o.u AS SELECT * FROM t;
VACUUM;
.mode json
SELECT * FROM o.u LIMIT 2;
.output file
SELECT * FROM t;
.output
.shell echo from a shell
.backup copy
SQL
wc -l <file
sqlite3 copy 'PRAGMA journal_mode=DELETE; DELETE FROM t WHERE id>10; SELECT count(*) FROM t; PRAGMA temp_store=1; SELECT * FROM t ORDER BY v LIMIT 1;'
sqlite3 copy .dump | sqlite3 restored
sqlite3 restored 'SELECT sum(id) FROM t'
for i in 1 2 3; do sqlite3 -cmd '.timeout 9000' db "INSERT INTO t(v) VALUES('p$i')" & done
wait
sqlite3 db "SELECT count(*) FROM t WHERE v LIKE 'p%'"
sqlite3 /nonexistent/db 'SELECT 1 FROM x' 2>/dev/null || echo "exit $?"
