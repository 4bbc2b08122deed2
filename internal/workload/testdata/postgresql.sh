#seal /usr/lib/postgresql/15/bin/postgres --module /usr/lib/postgresql/15/lib/plpgsql.so --module /usr/lib/postgresql/15/lib/dict_snowball.so : sh cat
#seal /usr/lib/postgresql/15/bin/initdb --assume own-libraries : sh /usr/lib/postgresql/15/bin/postgres
#seal /usr/lib/postgresql/15/bin/pg_ctl --assume own-libraries : sh cat /usr/lib/postgresql/15/bin/postgres
#seal /usr/lib/postgresql/15/bin/psql --exec deny
#seal /usr/lib/postgresql/15/bin/pg_dump --exec deny
#seal /usr/lib/postgresql/15/bin/pgbench --exec deny
# postgres does not run as root.
user=
if [ "$(id -u)" = 0 ]; then user="setpriv --reuid=nobody --regid=nogroup --clear-groups"; chown -R nobody "$WORK"; fi
export PGHOST=$WORK PGPORT=$PORT PGUSER=u
quietly $user initdb -D "$WORK/data" -U u -A trust -L /usr/share/postgresql/15 --no-instructions
printf "unix_socket_directories='%s'\nlisten_addresses='127.0.0.1'\nport=%s\nmax_wal_size='64MB'\nmin_wal_size='32MB'\nlogging_collector=on\n" "$WORK" "$PORT" >>data/postgresql.conf
quietly $user pg_ctl -D "$WORK/data" -w -o "-c dynamic_library_path=/usr/lib/postgresql/15/lib" start
psql -qAt -d postgres <<'SQL'
CREATE TABLE t(id serial PRIMARY KEY, v text);
INSERT INTO t(v) SELECT md5(i::text) FROM generate_series(1, 20000) i;
CREATE INDEX ON t(v);
SET max_parallel_workers_per_gather=2;
SELECT count(*), min(v) FROM t;
BEGIN; DELETE FROM t WHERE id > 100; ROLLBACK;
SELECT count(*) FROM t;
CREATE FUNCTION f(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN $1 + 1; END';
SELECT f(41);
CHECKPOINT;
VACUUM ANALYZE t;
LISTEN x; NOTIFY x;
SET work_mem='64kB';
SELECT count(*) FROM (SELECT v FROM t ORDER BY v) s;
COPY (SELECT 1) TO PROGRAM 'cat >/dev/null';
SQL
$user pg_dump -d postgres -f "$WORK/dump.sql" && grep -c '^COPY' dump.sql
quietly $user pgbench -i -q -d postgres -s 1
$user pgbench -n -c 4 -j 2 -t 50 -d postgres 2>/dev/null | grep 'actually processed'
quietly $user pg_ctl -D "$WORK/data" reload
psql -h 127.0.0.1 -qAt -d postgres -c 'SELECT f(1)'
quietly $user pg_ctl -D "$WORK/data" -w -m fast restart
psql -qAt -d postgres -c 'SELECT count(*) FROM t'
quietly $user pg_ctl -D "$WORK/data" -w -m fast stop && echo stopped
psql -d postgres -c 'SELECT 1' >/dev/null 2>&1 || echo "exit $?"
