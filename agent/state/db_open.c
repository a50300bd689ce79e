/* state/db_open.c - opens the database, makes it, brings its tables up to date; a damaged one goes aside. */
#include "config/state_folder.h"
#include "state/db_internal.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>

#define ASIDE	     DB_NAME ".damaged-"
#define BUSY_WAIT_MS 2000

/* Entry N makes version N + 1 of version N. Never change one that was released: add one. */
static const char *const migrations[] = {
	"CREATE TABLE deployments ("
	" sequence INTEGER PRIMARY KEY AUTOINCREMENT,"
	" id TEXT NOT NULL UNIQUE,"
	" grp TEXT NOT NULL,"
	" application TEXT NOT NULL,"
	" status TEXT NOT NULL CHECK (status IN ('Queued', 'InProgress', 'Succeeded', 'Failed', 'Stopped')),"
	" created_at INTEGER NOT NULL," /* milliseconds since 1970 */
	" started_at INTEGER NOT NULL,"
	" finished_at INTEGER NOT NULL,"
	" token TEXT,"
	" uid INTEGER NOT NULL,"
	" origin TEXT NOT NULL CHECK (origin IN ('daemon', 'local')),"
	" needs_recovery INTEGER NOT NULL,"
	" request TEXT CHECK (request IS NULL OR json_valid(request)),"
	" document TEXT NOT NULL CHECK (json_valid(document)),"
	" UNIQUE (uid, token)"
	") STRICT;"
	"CREATE INDEX newest ON deployments (created_at, sequence);"
	"CREATE INDEX newest_of_group ON deployments (grp, created_at, sequence);"
	"CREATE INDEX unended ON deployments (sequence) WHERE status IN ('Queued', 'InProgress');",
};

_Static_assert(ARRAY_LEN(migrations) == DB_VERSION, "one migration a version");

/* Small caches: the daemon is to be small when idle. */
static const char settings[] = "PRAGMA journal_mode = WAL;"
			       "PRAGMA synchronous = NORMAL;"
			       "PRAGMA cache_size = -256;"
			       "PRAGMA journal_size_limit = 1048576;"
			       "PRAGMA temp_store = MEMORY;";

enum opened { OPENED_FAILED = -1, OPENED_OLD, OPENED_NEW, OPENED_DAMAGED };

void db_free(struct db *db)
{
	if (!db)
		return;
	for (size_t i = 0; i < DB_STATEMENT_COUNT; i++)
		sqlite3_finalize(db->statements[i]);
	(void)sqlite3_close(db->sql); /* everything committed is in the log already */
	free(db);
}

void db_freep(struct db **db)
{
	db_free(*db);
}

int db_fail(const struct db *db, const char *doing, struct err *err)
{
	int code = sqlite3_errcode(db->sql) & 0xff;

	if (code == SQLITE_FULL)
		return err_set(err, ERR_NO_SPACE, DB_NAME ": %s: %s", doing, sqlite3_errmsg(db->sql));
	if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
		return err_set(err, ERR_STATE,
			       DB_NAME ": %s: it is damaged; restart the daemon, which makes a new one of the folders",
			       doing);
	if (code == SQLITE_IOERR || code == SQLITE_CANTOPEN) {
		errno = sqlite3_system_errno(db->sql);
		return err_sys(err, DB_NAME ": %s: %s", doing, sqlite3_errmsg(db->sql));
	}
	return err_set(err, ERR_SYS, DB_NAME ": %s: %s", doing, sqlite3_errmsg(db->sql));
}

/* What SQLite says when the content of a file is not what it should be. */
static bool is_damage(int code)
{
	code &= 0xff;
	return code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_ERROR || code == SQLITE_CONSTRAINT;
}

static enum opened failed(const struct db *db, const char *doing, struct err *err)
{
	(void)db_fail(db, doing, err);
	return is_damage(sqlite3_errcode(db->sql)) ? OPENED_DAMAGED : OPENED_FAILED;
}

static int take_number(void *out, int columns, char **values, char **names)
{
	(void)columns;
	(void)names;
	*(long *)out = values[0] ? strtol(values[0], NULL, 10) : 0;
	return 0;
}

static int take_ok(void *out, int columns, char **values, char **names)
{
	(void)columns;
	(void)names;
	*(bool *)out = values[0] && !strcmp(values[0], "ok");
	return 0;
}

static enum opened migrate(struct db *db, long from, struct err *err)
{
	AUTO_FREE char *version = xasprintf("PRAGMA user_version = %d; COMMIT;", DB_VERSION);
	int r = sqlite3_exec(db->sql, "BEGIN IMMEDIATE", NULL, NULL, NULL);

	for (long i = from; r == SQLITE_OK && i < DB_VERSION; i++)
		r = sqlite3_exec(db->sql, migrations[i], NULL, NULL, NULL);
	if (r == SQLITE_OK)
		r = sqlite3_exec(db->sql, version, NULL, NULL, NULL);
	return r == SQLITE_OK ? OPENED_OLD : failed(db, "bringing its tables up to date", err);
}

/* The tables as they should be, every page and every value of them readable. */
static enum opened check(struct db *db, struct err *err)
{
	long version = 0;
	bool ok = false;

	if (sqlite3_exec(db->sql, "PRAGMA user_version", take_number, &version, NULL) != SQLITE_OK)
		return failed(db, "reading it", err);
	if (version > DB_VERSION) {
		(void)err_set(err, ERR_STATE,
			      DB_NAME " has version %ld, this agent knows up to version %d: install the newer agent "
				      "again, or move the file away (the history is read from the folders anew)",
			      version, DB_VERSION);
		return OPENED_FAILED;
	}
	if (sqlite3_exec(db->sql, settings, NULL, NULL, NULL) != SQLITE_OK)
		return failed(db, "setting it up", err);

	enum opened r = version < DB_VERSION ? migrate(db, version, err) : OPENED_OLD;

	if (r != OPENED_OLD)
		return r;
	if (sqlite3_exec(db->sql, "PRAGMA quick_check(1)", take_ok, &ok, NULL) != SQLITE_OK)
		return failed(db, "checking it", err);
	if (!ok) {
		(void)err_set(err, ERR_STATE, DB_NAME " is damaged");
		return OPENED_DAMAGED;
	}
	if (db_prepare(db) != SQLITE_OK)
		return failed(db, "preparing for work", err);
	return version ? OPENED_OLD : OPENED_NEW;
}

static enum opened open_file(const char *path, struct db **out, struct err *err)
{
	AUTO(db_freep) struct db *db = xcalloc(1, sizeof(*db));
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;

	if (sqlite3_open_v2(path, &db->sql, flags, NULL) != SQLITE_OK)
		return failed(db, "opening it", err);
	(void)sqlite3_busy_timeout(db->sql, BUSY_WAIT_MS); /* somebody may look at it with sqlite3(1) */

	enum opened r = check(db, err);

	if (r == OPENED_OLD || r == OPENED_NEW)
		*out = TAKE_PTR(db);
	return r;
}

/* The file is there and nobody else's: SQLite would make it readable for all, and follow a link. */
static int make_file(int dir_fd, struct err *err)
{
	AUTO_FD int fd = fs_open_create(dir_fd, DB_NAME, O_RDWR | O_NONBLOCK, 0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "opening '" DB_NAME "'");
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_STATE, "'" DB_NAME "' is not a file: move it away");
	if ((st.st_mode & 07777) != 0600 && fs_chmod(fd, 0600) < 0)
		return err_sys(err, "closing '" DB_NAME "' to others");
	return 0;
}

static int remove_if_there(int dir_fd, const char *name, struct err *err)
{
	return fs_unlink(dir_fd, name) < 0 && errno != ENOENT ? err_sys(err, "removing '%s'", name) : 0;
}

/* Those of earlier times: only the newest is of use to anybody. */
static int remove_asides(int dir_fd, struct err *err)
{
	int again = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR DIR *dir = again < 0 ? NULL : fdopendir(again);

	if (!dir)
		return err_sys(err, "listing the state folder");
	for (const struct dirent *e = readdir(dir); e; e = readdir(dir))
		if (str_starts(e->d_name, ASIDE) && remove_if_there(dir_fd, e->d_name, err) < 0)
			return -1;
	return 0;
}

/* With its log: a new database must not take that for its own. */
static int move_aside(int dir_fd, char **aside, struct err *err)
{
	AUTO_FREE char *name = xasprintf(ASIDE "%lld", (long long)time(NULL));
	AUTO_FREE char *log = xasprintf("%s-wal", name);

	if (remove_asides(dir_fd, err) < 0 || remove_if_there(dir_fd, DB_NAME "-shm", err) < 0)
		return -1;
	if (fs_rename(dir_fd, DB_NAME "-wal", dir_fd, log) < 0 && errno != ENOENT)
		return err_sys(err, "moving the log of the damaged '" DB_NAME "' aside");
	if (fs_rename(dir_fd, DB_NAME, dir_fd, name) < 0)
		return err_sys(err, "moving the damaged '" DB_NAME "' aside");
	*aside = TAKE_PTR(name);
	return 0;
}

static int open_again(int dir_fd, const char *path, struct db **out, char **told, struct err *err)
{
	AUTO_FREE char *why = xstrdup(err->msg), *aside = NULL;

	if (move_aside(dir_fd, &aside, err) < 0 || make_file(dir_fd, err) < 0)
		return -1;
	if (open_file(path, out, err) != OPENED_NEW)
		return -1;
	*told = xasprintf("%s; it was moved aside as '%s' and the history is read from the folders anew", why, aside);
	return 1;
}

int db_open(const char *state_dir, struct db **out, char **told, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/" DB_NAME, state_dir);
	AUTO_FD int fd = -1;

	if (state_folder_make(state_dir, err) < 0 || (fd = fs_open_dir(state_dir, err)) < 0 || make_file(fd, err) < 0)
		return err_add(err, "state folder '%s'", state_dir);

	enum opened r = open_file(path, out, err);

	if (r == OPENED_DAMAGED)
		r = open_again(fd, path, out, told, err) < 0 ? OPENED_FAILED : OPENED_NEW;
	else if (r == OPENED_NEW)
		*told = xstrdup(DB_NAME " is new: the history is read from the folders");
	return r == OPENED_FAILED ? err_add(err, "state folder '%s'", state_dir) : r == OPENED_NEW;
}
