/*
 * Threads that are cancelled inside calls: nothing happens before the call returns. Arguments: a server that is silent, an
 * etcd, a file to save to.
 */

#include "wait.h"

#include <pthread.h>

#define READ(what) __atomic_load_n(&(what), __ATOMIC_SEQ_CST)
#define SET(what) __atomic_store_n(&(what), true, __ATOMIC_SEQ_CST)

enum { DEADLINE_MS = 400 };

static const char *path;
static etcd_v2_client *mute, *live, *tied;
static etcd_v2_request *request;
static etcd_v2_queue *queue;
static etcd_v2_watcher *idle, *calling;
static etcd_v2_cancel_token *token;
static etcd_v2_error *unknown;
static const char *const list[] = {"a"};

/* A call that waits, and that is all: how it ends is nothing to this test. */
struct row {
	const char *name;
	etcd_v2_status (*call)(void);
};

#define ROW(name, ...) \
	static etcd_v2_status do_##name(void) { return etcd_v2_##name(__VA_ARGS__); }
ROW(get, mute, "/a", 0, NULL, NULL)
ROW(set, mute, "/a", "v", 0, NULL, NULL)
ROW(create, mute, "/a", "v", 0, NULL, NULL)
ROW(update, mute, "/a", "v", 0, NULL, NULL)
ROW(refresh, mute, "/a", 1, NULL, NULL)
ROW(create_in_order, mute, "/a", "v", 0, NULL, NULL)
ROW(set_dir, mute, "/a", 0, NULL, NULL)
ROW(create_dir, mute, "/a", 0, NULL, NULL)
ROW(update_dir, mute, "/a", 1, NULL, NULL)
ROW(delete, mute, "/a", 0, NULL, NULL)
ROW(compare_and_swap, mute, "/a", "v", 0, "w", 0, NULL, NULL)
ROW(compare_and_delete, mute, "/a", "v", 0, NULL, NULL)
ROW(execute, mute, request, NULL, NULL)
ROW(watch_once, tied, "/a", 0, 0, -1, NULL, NULL)
ROW(sync, mute, NULL)
ROW(wait_ready, mute, DEADLINE_MS, NULL)
ROW(auth_is_enabled, mute, &(bool){false}, NULL)
ROW(auth_enable, mute, NULL)
ROW(auth_disable, mute, NULL)
ROW(user_set_password, mute, "u", "p", NULL)
ROW(user_delete, mute, "u", NULL)
ROW(role_delete, mute, "r", NULL)
ROW(member_update, mute, "1", "http://a:1", NULL)
ROW(member_remove, mute, "1", NULL)

/* Those that must have a place for their answer. */
#define ANSWER(name, type, ...)                                        \
	static etcd_v2_status do_##name(void)                          \
	{                                                              \
		type *out = NULL;                                      \
		etcd_v2_status status = etcd_v2_##name(__VA_ARGS__, &out, NULL); \
		CHECK((out == NULL) == (status != ETCD_V2_OK));        \
		return status;                                         \
	}
static etcd_v2_status do_outcome_resolve(void)
{
	etcd_v2_outcome *out = NULL;
	etcd_v2_status status = etcd_v2_outcome_resolve(mute, request, unknown, DEADLINE_MS, 0, &out, NULL);
	etcd_v2_outcome_free(out);
	return status;
}
ANSWER(member_list, etcd_v2_members, mute)
ANSWER(member_leader, etcd_v2_members, mute)
ANSWER(member_add, etcd_v2_members, mute, "http://a:1")
ANSWER(stats_self, etcd_v2_stats, mute, NULL)
ANSWER(stats_store, etcd_v2_stats, mute, NULL)
ANSWER(stats_leader, etcd_v2_stats, mute)
ANSWER(server_version, etcd_v2_version_info, mute, NULL)
ANSWER(health_check, etcd_v2_health_report, mute, NULL)
ANSWER(health_check_cluster, etcd_v2_health_report, mute)
ANSWER(user_list, etcd_v2_users, mute)
ANSWER(user_get, etcd_v2_users, mute, "u")
ANSWER(user_create, etcd_v2_users, mute, "u", "p", list, 1)
ANSWER(user_grant, etcd_v2_users, mute, "u", list, 1)
ANSWER(user_revoke, etcd_v2_users, mute, "u", list, 1)
ANSWER(role_list, etcd_v2_roles, mute)
ANSWER(role_get, etcd_v2_roles, mute, "r")
ANSWER(role_create, etcd_v2_roles, mute, "r")
ANSWER(role_grant, etcd_v2_roles, mute, "r", list, 1, ETCD_V2_ACCESS_READ)
ANSWER(role_revoke, etcd_v2_roles, mute, "r", list, 1, ETCD_V2_ACCESS_READ)
ANSWER(watcher_next, etcd_v2_event, idle, -1)
ANSWER(queue_next, etcd_v2_completion, queue, -1)

/* Until the callback that runs has returned. */
static etcd_v2_status do_watcher_cancel(void)
{
	etcd_v2_watcher_cancel(calling);
	return ETCD_V2_OK;
}

static const struct row rows[] = {
#define R(name) {"etcd_v2_" #name, do_##name}
	R(get), R(set), R(create), R(update), R(refresh), R(create_in_order), R(set_dir), R(create_dir), R(update_dir),
	R(delete), R(compare_and_swap), R(compare_and_delete), R(execute), R(outcome_resolve),
	R(watch_once), R(sync), R(wait_ready), R(auth_is_enabled), R(auth_enable), R(auth_disable),
	R(user_set_password), R(user_delete), R(role_delete), R(member_update), R(member_remove), R(member_list),
	R(member_leader), R(member_add), R(stats_self), R(stats_store), R(stats_leader), R(server_version), R(health_check),
	R(health_check_cluster), R(user_list), R(user_get), R(user_create), R(user_grant), R(user_revoke), R(role_list),
	R(role_get), R(role_create), R(role_grant), R(role_revoke), R(watcher_next), R(queue_next), R(watcher_cancel),
};
enum { ROWS = sizeof rows / sizeof *rows };

struct run {
	const struct row *row;
	int type;
	pthread_t thread;
	long id;
	bool inside, returned, cleaned;
};

static void clean(void *run) { SET(((struct run *)run)->cleaned); }

static void *waits(void *argument)
{
	struct run *run = argument;
	pthread_cleanup_push(clean, run);
	CHECK_INT(pthread_setcanceltype(run->type, NULL), 0);
	run->id = own_thread();
	SET(run->inside);
	run->row->call();
	/* not reached when the type is asynchronous: then the call ends and the thread with it */
	SET(run->returned);
	for (;;) {
		pthread_testcancel();
		breathe();
	}
	pthread_cleanup_pop(0);
	return NULL;
}

static bool enter, leave;

static void on_state(int32_t state, const char *why, int32_t attempt, void *user)
{
	CHECK(state != 0 && why != NULL && attempt >= 0 && user == NULL);
	SET(enter);
	WAIT_UNTIL(READ(leave));
}

static void everything(int type)
{
	etcd_v2_watch_options *watch;
	CHECK_OK(etcd_v2_cancel_token_new(&token, &error));
	CHECK_OK(etcd_v2_client_with(mute, ETCD_V2_TIMEOUT_DEFAULT, token, &tied, &error));
	CHECK_OK(etcd_v2_queue_new(&queue, &error));
	CHECK_OK(etcd_v2_watch(live, "/cancelled", NULL, &idle, &error));
	WAIT_UNTIL(etcd_v2_watcher_state(idle) == ETCD_V2_WATCHER_LIVE);
	CHECK_OK(etcd_v2_watch_options_new(&watch, &error));
	CHECK_OK(etcd_v2_watch_options_set_state_callback(watch, on_state, NULL, NULL, &error));
	enter = leave = false;
	etcd_v2_client *held;
	CHECK_OK(etcd_v2_client_open("http://127.0.0.1:1", &held, &error));
	CHECK_OK(etcd_v2_watch(held, "/a", watch, &calling, &error));
	etcd_v2_watch_options_free(watch);
	WAIT_UNTIL(READ(enter));

	struct run runs[ROWS] = {0};
	for (int i = 0; i < ROWS; i++) {
		runs[i].row = &rows[i];
		runs[i].type = type;
		CHECK_INT(pthread_create(&runs[i].thread, NULL, waits, &runs[i]), 0);
	}
	for (int i = 0; i < ROWS; i++) {
		WAIT_UNTIL(READ(runs[i].inside));
		WAIT_UNTIL(READ(runs[i].returned) || thread_sleeps(runs[i].id));
		CHECK_INT(pthread_cancel(runs[i].thread), 0);
	}
	/* those that wait without end go on until there is something for them */
	etcd_v2_cancel_token_cancel(token);
	CHECK_OK(etcd_v2_set(live, "/cancelled", "v", 0, NULL, &error));
	CHECK_OK(etcd_v2_submit(live, request, queue, NULL, &error));
	SET(leave);
	for (int i = 0; i < ROWS; i++) {
		void *result;
		CHECK_INT(pthread_join(runs[i].thread, &result), 0);
		/* glibc 2.36 forgets the result of a thread whose pending cancellation is acted upon when it is allowed again */
		bool told = result == PTHREAD_CANCELED || (type == PTHREAD_CANCEL_ASYNCHRONOUS && result == NULL);
		if (!told || !runs[i].cleaned) {
			fprintf(stderr, "%s, type %d: %p %d\n", runs[i].row->name, type, result, runs[i].cleaned);
			exit(1);
		}
		if (type == PTHREAD_CANCEL_DEFERRED && !runs[i].returned) {
			fprintf(stderr, "%s did not return\n", runs[i].row->name);
			exit(1);
		}
	}
	etcd_v2_watcher_free(idle);
	etcd_v2_watcher_free(calling);
	etcd_v2_queue_free(queue);
	etcd_v2_cancel_token_free(token);
	etcd_v2_client_free(tied);
	etcd_v2_client_free(held);
	/* nothing is left behind that others would wait for */
	CHECK_OK(etcd_v2_get(live, "/cancelled", 0, NULL, &error));
}

/* Files are read and written, and threads and clients made and freed, in one go. */
static void *works(void *argument)
{
	struct run *run = argument;
	pthread_cleanup_push(clean, run);
	for (int i = 0;; i++) {
		etcd_v2_client *client = NULL;
		etcd_v2_watcher *watcher = NULL;
		/* from here a cancellation waits for this program to ask for it */
		if (etcd_v2_client_save(live, path, 0, NULL) != ETCD_V2_OK ||
		    etcd_v2_client_reload_tls(live, NULL) != ETCD_V2_OK ||
		    etcd_v2_client_set_credentials(live, NULL, NULL, NULL) != ETCD_V2_OK ||
		    etcd_v2_client_open("http://127.0.0.1:1", &client, NULL) != ETCD_V2_OK ||
		    etcd_v2_watch(client, "/a", NULL, &watcher, NULL) != ETCD_V2_OK)
			abort();
		etcd_v2_watcher_free(watcher);
		etcd_v2_client_free(client);
		if (i == 10)
			SET(run->inside);
		pthread_testcancel();
	}
	pthread_cleanup_pop(0);
	return NULL;
}

int main(int count, char **arguments)
{
	CHECK(count == 4);
	path = arguments[3];
	etcd_v2_options *options;
	CHECK_OK(etcd_v2_options_new(&options, &error));
	CHECK_OK(etcd_v2_options_add_endpoint(options, arguments[1], &error));
	CHECK_OK(etcd_v2_options_set_timeout_ms(options, DEADLINE_MS, &error));
	CHECK_OK(etcd_v2_client_new(options, &mute, &error));
	etcd_v2_options_free(options);
	live = patient_client(arguments[2]);
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_SET, "/cancelled/not", &request, &error));
	CHECK_OK(etcd_v2_request_set_value(request, "v", 1, &error));
	etcd_v2_status status;
	do {
		/* on a busy machine the deadline may come before anything was sent */
		etcd_v2_error_free(unknown);
		status = etcd_v2_execute(mute, request, NULL, &unknown);
	} while (status == ETCD_V2_TIMEOUT);
	CHECK_INT(status, ETCD_V2_OUTCOME_UNKNOWN);
	everything(PTHREAD_CANCEL_DEFERRED);
	everything(PTHREAD_CANCEL_ASYNCHRONOUS);
	long descriptors = open_descriptors(), threads = own_threads();
	for (int i = 0; i < 20; i++) {
		struct run run = {0};
		void *result;
		CHECK_INT(pthread_create(&run.thread, NULL, works, &run), 0);
		WAIT_UNTIL(READ(run.inside));
		CHECK_INT(pthread_cancel(run.thread), 0);
		CHECK_INT(pthread_join(run.thread, &result), 0);
		CHECK(result == PTHREAD_CANCELED && run.cleaned);
	}
	/* nothing was left open half-way */
	WAIT_UNTIL(own_threads() <= threads && open_descriptors() <= descriptors);
	etcd_v2_request_free(request);
	etcd_v2_error_free(unknown);
	etcd_v2_client_free(mute);
	etcd_v2_client_free(live);
	return check_done();
}
