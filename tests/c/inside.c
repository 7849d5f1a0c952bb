/*
 * Every function of a client, its watchers and its queues, called from every callback: of a client that lives, of one that
 * another thread is freeing, and after one of its callbacks has freed it. Arguments: endpoint, folder for files.
 */

#include "wait.h"

#include <pthread.h>

#define READ(what) __atomic_load_n(&(what), __ATOMIC_SEQ_CST)
#define ADD(what) __atomic_add_fetch(&(what), 1, __ATOMIC_SEQ_CST)

enum kind { COMPLETION, EVENT, STATE, END_STATE, FREE_COMPLETION, FREE_WATCHER, LOG, CURL, TRACE, RETRY, CONFIG, KINDS };
static const char *const kind_names[] = {"completion", "event", "state", "state of the end", "free_user of a call",
					 "free_user of a watcher", "log", "curl", "trace", "retry", "config"};

/* Of the client. */
enum life { LIVES, FREED_ELSEWHERE, FREED_INSIDE, LIVES_OF_CLIENTS };
static const char *const life_names[] = {"it lives", "another thread frees it", "a callback has freed it"};

static const char *url, *folder;
static etcd_v2_client *client, *other;
static etcd_v2_request *request, *pending;
static etcd_v2_queue *queue;
static etcd_v2_watcher *idle;
static etcd_v2_cancel_token *token;
static enum kind kind;
static enum life life;
static int armed, begun, ran, freed_by_thread;
static pthread_t main_thread, freeing;
static long freeing_id;
static bool is_freeing;

/* Completions and callbacks of watchers never run inside one another. */
static __thread int depth;

/* One submitted call or watcher with callbacks. */
struct told {
	int calls, frees, submitted;
};
enum { TOLD = 64 };
static struct told all[TOLD];
static int used;

static struct told *next_told(void) { return &all[__atomic_fetch_add(&used, 1, __ATOMIC_SEQ_CST) % TOLD]; }

static void let_go(void *user) { ADD(((struct told *)user)->frees); }

static void on_completion(const etcd_v2_completion *completion, void *user)
{
	CHECK_INT(depth++, 0);
	CHECK(completion != NULL);
	ADD(((struct told *)user)->calls);
	depth--;
}

static void on_no_event(const etcd_v2_event *event, void *user)
{
	CHECK_INT(depth++, 0);
	CHECK(event != NULL && user != NULL);
	depth--;
}

static void on_no_state(int32_t state, const char *why, int32_t attempt, void *user)
{
	CHECK_INT(depth++, 0);
	CHECK(state != 0 && why != NULL && attempt >= 0 && user != NULL);
	depth--;
}

static void *free_client(void *unused)
{
	freeing_id = own_thread();
	__atomic_store_n(&is_freeing, true, __ATOMIC_SEQ_CST);
	etcd_v2_client_free(client);
	ADD(freed_by_thread);
	return unused;
}

#define ONE_OF(call, one, two)                                                                         \
	do {                                                                                           \
		etcd_v2_status got = (call);                                                           \
		if (got != (one) && got != (two)) {                                                    \
			fprintf(stderr, "%s while %s, %s: %s is %s\n", kind_names[kind], life_names[life], \
				__func__, #call, etcd_v2_status_name(got));                            \
			exit(1);                                                                       \
		}                                                                                      \
		check_count();                                                                         \
	} while (0)

static struct told *submit_one(etcd_v2_status expected)
{
	struct told *told = next_told();
	ONE_OF(etcd_v2_submit_callback(client, request, on_completion, told, let_go, NULL), expected, expected);
	told->submitted = expected == ETCD_V2_OK;
	if (expected != ETCD_V2_OK) {
		/* nobody is called, and `user` is let go at once */
		CHECK_INT(READ(told->calls), 0);
		CHECK_INT(READ(told->frees), 1);
	}
	return told;
}

static void watch_one(etcd_v2_status expected)
{
	etcd_v2_watch_options *options;
	etcd_v2_watcher *watcher = NULL;
	struct told *told = next_told();
	CHECK_INT(etcd_v2_watch_options_new(&options, NULL), ETCD_V2_OK);
	CHECK_INT(etcd_v2_watch_options_set_callback(options, on_no_event, told, let_go, NULL), ETCD_V2_OK);
	CHECK_INT(etcd_v2_watch_options_set_state_callback(options, on_no_state, told, NULL, NULL), ETCD_V2_OK);
	ONE_OF(etcd_v2_watch(client, "/inside/new", options, &watcher, NULL), expected, expected);
	CHECK((watcher != NULL) == (expected == ETCD_V2_OK));
	etcd_v2_watch_options_free(options);
	etcd_v2_watcher_free(watcher);
	CHECK_INT(READ(told->frees), 1);
}

/* Each function, while the client lives or is being freed. */
static void everything(void)
{
	etcd_v2_status submitted = life == LIVES ? ETCD_V2_OK : ETCD_V2_CLOSED;
	char path[400];
	etcd_v2_counters *numbers;
	etcd_v2_client *derived;
	int fd;
	bool yes;
	etcd_v2_response *response = NULL;
	etcd_v2_watcher *watcher = NULL;
	etcd_v2_event *event = NULL;
	etcd_v2_completion *completion = NULL;
	etcd_v2_queue *mine = NULL;
	etcd_v2_health_report *health = NULL;
	etcd_v2_members *members = NULL;
	etcd_v2_cancel_token *fired = NULL;
	etcd_v2_client *another = NULL;

	if (kind == RETRY)
		ONE_OF(etcd_v2_client_set_endpoints(client, url, NULL), ETCD_V2_OK, ETCD_V2_OK);
	for (int i = 0; i < 3; i++)
		submit_one(submitted);
	ONE_OF(etcd_v2_submit(client, request, queue, NULL, NULL), submitted, submitted);
	CHECK_INT(etcd_v2_queue_new(&mine, NULL), ETCD_V2_OK);
	ONE_OF(etcd_v2_submit(client, request, mine, NULL, NULL), submitted, submitted);
	ONE_OF(etcd_v2_queue_next(mine, 0, &completion, NULL), ETCD_V2_TIMEOUT, ETCD_V2_OK);
	if (submitted != ETCD_V2_OK)
		CHECK(completion == NULL);
	etcd_v2_completion_free(completion);
	CHECK_INT(etcd_v2_queue_fd(mine, &fd, NULL), ETCD_V2_OK);
	etcd_v2_queue_free(mine);

	watch_one(submitted);
	ONE_OF(etcd_v2_watch(client, "/inside/plain", NULL, &watcher, NULL), submitted, submitted);
	if (watcher != NULL)
		ONE_OF(etcd_v2_watcher_next(watcher, 0, &event, NULL), ETCD_V2_TIMEOUT, ETCD_V2_TIMEOUT);
	etcd_v2_watcher_cancel(watcher);
	etcd_v2_watcher_free(watcher);
	ONE_OF(etcd_v2_watcher_next(idle, 0, &event, NULL), ETCD_V2_TIMEOUT, ETCD_V2_CLOSED);
	CHECK(etcd_v2_watcher_state(idle) != 0);
	etcd_v2_watcher_next_index(idle);
	ONE_OF(etcd_v2_watcher_counters(idle, &numbers, NULL), ETCD_V2_OK, ETCD_V2_OK);
	etcd_v2_counters_free(numbers);
	ONE_OF(etcd_v2_watcher_fd(idle, &fd, NULL), ETCD_V2_OK, ETCD_V2_OK);

	ONE_OF(etcd_v2_get(client, "/inside", 0, &response, NULL), ETCD_V2_OK, ETCD_V2_OK);
	etcd_v2_response_free(response);
	ONE_OF(etcd_v2_set(client, "/inside/set", "v", 0, NULL, NULL), ETCD_V2_OK, ETCD_V2_OK);
	ONE_OF(etcd_v2_execute(client, request, NULL, NULL), ETCD_V2_OK, ETCD_V2_OK);
	ONE_OF(etcd_v2_watch_once(client, "/inside/none", 0, 0, 20, NULL, NULL), ETCD_V2_TIMEOUT, ETCD_V2_TIMEOUT);
	CHECK_INT(etcd_v2_cancel_token_new(&fired, NULL), ETCD_V2_OK);
	etcd_v2_cancel_token_cancel(fired);
	CHECK_INT(etcd_v2_client_with(client, 60000, fired, &derived, NULL), ETCD_V2_OK);
	ONE_OF(etcd_v2_watch_once(derived, "/inside/none", 0, 0, -1, NULL, NULL), ETCD_V2_CANCELLED, ETCD_V2_CLOSED);
	etcd_v2_client_free(derived);
	etcd_v2_cancel_token_free(fired);
	/* that of the call that waits */
	etcd_v2_cancel_token_cancel(token);
	CHECK(etcd_v2_cancel_token_is_cancelled(token));

	CHECK_INT(etcd_v2_client_with(client, 60000, NULL, &derived, NULL), ETCD_V2_OK);
	ONE_OF(etcd_v2_sync(derived, NULL), ETCD_V2_OK, ETCD_V2_CLOSED);
	etcd_v2_client_free(derived);
	ONE_OF(etcd_v2_wait_ready(client, 60000, NULL), ETCD_V2_OK, ETCD_V2_OK);
	ONE_OF(etcd_v2_health_check(client, NULL, &health, NULL), ETCD_V2_OK, ETCD_V2_OK);
	etcd_v2_health_report_free(health);
	ONE_OF(etcd_v2_member_list(client, &members, NULL), ETCD_V2_OK, ETCD_V2_OK);
	etcd_v2_members_free(members);
	ONE_OF(etcd_v2_auth_is_enabled(client, &yes, NULL), ETCD_V2_OK, ETCD_V2_OK);
	ONE_OF(etcd_v2_client_set_endpoints(client, url, NULL), ETCD_V2_OK, ETCD_V2_OK);
	ONE_OF(etcd_v2_client_set_credentials(client, NULL, NULL, NULL), ETCD_V2_OK, ETCD_V2_OK);
	ONE_OF(etcd_v2_client_reload_tls(client, NULL), ETCD_V2_OK, ETCD_V2_OK);
	CHECK(!etcd_v2_client_is_insecure(client));
	snprintf(path, sizeof path, "%s/saved.json", folder);
	ONE_OF(etcd_v2_client_save(client, path, 0, NULL), ETCD_V2_OK, ETCD_V2_OK);
	CHECK_INT(etcd_v2_client_open(url, &another, NULL), ETCD_V2_OK);
	ONE_OF(etcd_v2_get(another, "/inside", 0, NULL, NULL), ETCD_V2_OK, ETCD_V2_OK);
	etcd_v2_client_free(another);
}

/* What the callback of this round does, the first time that it runs on the client's thread. */
static void act(void)
{
	if (pthread_equal(pthread_self(), main_thread) || __atomic_exchange_n(&armed, 0, __ATOMIC_SEQ_CST) == 0)
		return;
	/* what was submitted before may be told of, too: nobody is inside the client when another thread frees it */
	WAIT_UNTIL(READ(begun));
	if (life == FREED_ELSEWHERE) {
		CHECK_INT(pthread_create(&freeing, NULL, free_client, NULL), 0);
		WAIT_UNTIL(READ(is_freeing) && thread_sleeps(freeing_id));
	}
	if (life == FREED_INSIDE)
		etcd_v2_client_free(client);
	else
		everything();
	ADD(ran);
}

/* The end of the call that waits: the client is used from here after it was freed in the other callback. */
static void on_pending(const etcd_v2_completion *completion, void *user)
{
	CHECK_INT(depth++, 0);
	CHECK_INT(ADD(((struct told *)user)->calls), 1);
	CHECK(etcd_v2_completion_status(completion) != ETCD_V2_OK);
	if (life == FREED_INSIDE && ran > 0)
		everything();
	depth--;
}

static void first_completion(const etcd_v2_completion *completion, void *user)
{
	on_completion(completion, user);
	if (kind == COMPLETION)
		act();
}

static void first_let_go(void *user)
{
	let_go(user);
	if (kind == FREE_COMPLETION || kind == FREE_WATCHER)
		act();
}

static void first_event(const etcd_v2_event *event, void *user)
{
	on_no_event(event, user);
	if (kind == EVENT)
		act();
}

static void first_state(int32_t state, const char *why, int32_t attempt, void *user)
{
	on_no_state(state, why, attempt, user);
	if (kind == STATE || (kind == END_STATE && state == ETCD_V2_WATCHER_CLOSED))
		act();
}

static void first_log(int32_t level, const char *line, void *user)
{
	CHECK(level > 0 && line != NULL && user == NULL);
	act();
}

static void first_curl(const char *command, void *user)
{
	CHECK(command != NULL && user == NULL);
	act();
}

static void first_trace(const etcd_v2_trace *trace, void *user)
{
	CHECK(trace != NULL && user == NULL);
	act();
}

static int64_t first_retry(const etcd_v2_retry *retry, void *user)
{
	CHECK(retry != NULL && user == NULL);
	act();
	return ETCD_V2_RETRY_DEFAULT;
}

static void make_client(void)
{
	etcd_v2_options *options;
	CHECK_OK(etcd_v2_options_new(&options, &error));
	CHECK_OK(etcd_v2_options_add_endpoint(options, url, &error));
	if (kind == LOG)
		CHECK_OK(etcd_v2_options_set_log_callback(options, ETCD_V2_LOG_DEBUG, first_log, NULL, NULL, &error));
	if (kind == CURL)
		CHECK_OK(etcd_v2_options_set_curl_callback(options, first_curl, NULL, NULL, &error));
	if (kind == TRACE)
		CHECK_OK(etcd_v2_options_set_trace_callback(options, first_trace, NULL, NULL, &error));
	if (kind == RETRY)
		CHECK_OK(etcd_v2_options_set_retry_callback(options, first_retry, NULL, NULL, &error));
	CHECK_OK(etcd_v2_options_set_timeout_ms(options, 60000, &error));
	if (kind == CONFIG)
		CHECK_OK(etcd_v2_options_set_autosave_callback(options, 0, first_curl, NULL, NULL, &error));
	CHECK_OK(etcd_v2_client_new(options, &client, &error));
	etcd_v2_options_free(options);
}

/* Has a completion change something, so that the configuration is told on the thread of the client. */
static void change(const etcd_v2_completion *completion, void *user)
{
	on_completion(completion, user);
	ONE_OF(etcd_v2_client_set_credentials(client, "me", "secret", NULL), ETCD_V2_OK, ETCD_V2_OK);
}

/* Says which round it was. */
#define within(condition)                                                                       \
	do {                                                                                    \
		int64_t give_up = now_ms() + 120000;                                             \
		while (!(condition)) {                                                          \
			if (now_ms() > give_up) {                                               \
				fprintf(stderr, "%s while %s: ", kind_names[kind], life_names[life]); \
				CHECK(condition);                                               \
			}                                                                       \
			breathe();                                                              \
		}                                                                               \
	} while (0)

static void round_of(enum kind of, enum life in)
{
	kind = of;
	life = in;
	armed = begun = ran = used = 0;
	freed_by_thread = 0;
	is_freeing = false;
	memset(all, 0, sizeof all);
	make_client();
	CHECK_OK(etcd_v2_queue_new(&queue, &error));
	CHECK_OK(etcd_v2_cancel_token_new(&token, &error));
	CHECK_OK(etcd_v2_watch(client, "/inside/idle", NULL, &idle, &error));
	struct told *waiting = next_told(), *first = next_told();
	waiting->submitted = 1;
	CHECK_OK(etcd_v2_request_set_cancel(pending, life == FREED_INSIDE ? NULL : token, &error));
	CHECK_OK(etcd_v2_submit_callback(client, pending, on_pending, waiting, let_go, &error));
	WAIT_UNTIL(etcd_v2_watcher_state(idle) == ETCD_V2_WATCHER_LIVE);

	armed = 1;
	if (kind == RETRY)
		CHECK_OK(etcd_v2_client_set_endpoints(client, "http://127.0.0.1:1", &error));
	etcd_v2_watcher *watcher = NULL;
	if (kind == EVENT || kind == STATE || kind == END_STATE || kind == FREE_WATCHER) {
		etcd_v2_watch_options *options;
		CHECK_OK(etcd_v2_watch_options_new(&options, &error));
		CHECK_OK(etcd_v2_watch_options_set_callback(options, first_event, first, first_let_go, &error));
		CHECK_OK(etcd_v2_watch_options_set_state_callback(options, first_state, first, NULL, &error));
		if (kind == END_STATE || kind == FREE_WATCHER) {
			/* ends by itself: its place is long gone */
			CHECK_OK(etcd_v2_watch_options_set_start_index(options, 1, &error));
			CHECK_OK(etcd_v2_watch_options_set_on_lost(options, ETCD_V2_ON_LOST_FAIL, &error));
		}
		CHECK_OK(etcd_v2_watch(client, "/inside/event", options, &watcher, &error));
		etcd_v2_watch_options_free(options);
		while (kind == EVENT && READ(armed)) {
			CHECK_OK(etcd_v2_set(other, "/inside/event", "v", 0, NULL, &error));
			breathe();
		}
	} else {
		first->submitted = 1;
		CHECK_OK(etcd_v2_submit_callback(client, request, kind == CONFIG ? change : first_completion, first,
						 first_let_go, &error));
	}
	__atomic_store_n(&begun, 1, __ATOMIC_SEQ_CST);
	within(READ(ran) == 1);
	if (life == LIVES)
		etcd_v2_client_free(client);
	if (life == FREED_ELSEWHERE)
		CHECK_INT(pthread_join(freeing, NULL), 0);
	etcd_v2_watcher_free(watcher);
	if (life == FREED_INSIDE)
		WAIT_UNTIL(READ(waiting->frees) == 1);
	/* everything that was accepted ended once, and what was refused never ran */
	for (int i = 0; i < READ(used); i++) {
		WAIT_UNTIL(READ(all[i].frees) == 1);
		if (&all[i] != first || first->submitted)
			CHECK_INT(READ(all[i].calls), all[i].submitted);
	}
	etcd_v2_event *event;
	CHECK_STATUS(etcd_v2_watcher_next(idle, -1, &event, &error), ETCD_V2_CLOSED);
	etcd_v2_watcher_free(idle);
	etcd_v2_completion *completion = NULL;
	if (life == LIVES) {
		CHECK_OK(etcd_v2_queue_next(queue, -1, &completion, &error));
		etcd_v2_completion_free(completion);
	}
	CHECK_STATUS(etcd_v2_queue_next(queue, 0, &completion, &error), ETCD_V2_TIMEOUT);
	etcd_v2_queue_free(queue);
	etcd_v2_cancel_token_free(token);
}

/* A completion that submits the next one whatever happened, many at once, while the client is freed. */
static int chain_calls, chain_frees, chain_accepted, chain_refused;

static void chain_let_go(void *user)
{
	CHECK(user == NULL);
	ADD(chain_frees);
}

static void chain(const etcd_v2_completion *completion, void *user)
{
	CHECK_INT(depth++, 0);
	CHECK(completion != NULL && user == NULL);
	ADD(chain_calls);
	etcd_v2_status status = etcd_v2_submit_callback(client, request, chain, NULL, chain_let_go, NULL);
	CHECK(status == ETCD_V2_OK || status == ETCD_V2_CLOSED);
	if (status == ETCD_V2_OK)
		ADD(chain_accepted);
	else
		ADD(chain_refused);
	status = etcd_v2_submit(client, request, queue, NULL, NULL);
	CHECK(status == ETCD_V2_OK || status == ETCD_V2_CLOSED);
	if (status == ETCD_V2_OK)
		ADD(freed_by_thread);
	depth--;
}

static void chains(bool hedged)
{
	enum { CHAINS = 16 };
	etcd_v2_options *options;
	CHECK_OK(etcd_v2_options_new(&options, &error));
	CHECK_OK(etcd_v2_options_add_endpoint(options, url, &error));
	if (hedged) {
		CHECK_OK(etcd_v2_options_add_endpoint(options, "http://localhost:1", &error));
		CHECK_OK(etcd_v2_options_set_hedge_delay_ms(options, 5, &error));
	}
	CHECK_OK(etcd_v2_client_new(options, &client, &error));
	etcd_v2_options_free(options);
	CHECK_OK(etcd_v2_queue_new(&queue, &error));
	chain_calls = chain_frees = chain_refused = freed_by_thread = 0;
	chain_accepted = CHAINS;
	for (int i = 0; i < CHAINS; i++)
		CHECK_OK(etcd_v2_submit_callback(client, request, chain, NULL, chain_let_go, &error));
	WAIT_UNTIL(READ(chain_calls) > 100);
	etcd_v2_client_free(client);
	CHECK_INT(chain_calls, chain_accepted);
	CHECK_INT(chain_frees, chain_accepted + chain_refused);
	CHECK_INT(chain_refused, CHAINS);
	/* what was accepted for the queue came, and nothing else */
	etcd_v2_completion *completion;
	for (int i = 0; i < freed_by_thread; i++) {
		CHECK_OK(etcd_v2_queue_next(queue, 0, &completion, &error));
		etcd_v2_completion_free(completion);
	}
	CHECK_STATUS(etcd_v2_queue_next(queue, 0, &completion, &error), ETCD_V2_TIMEOUT);
	etcd_v2_queue_free(queue);
}

int main(int count, char **arguments)
{
	CHECK(count == 3);
	url = arguments[1];
	folder = arguments[2];
	main_thread = pthread_self();
	other = patient_client(url);
	/* so that index 1 is history that is lost */
	for (int i = 0; i < 1100; i++)
		CHECK_OK(etcd_v2_set(other, "/inside/v", "v", 0, NULL, &error));
	CHECK_OK(etcd_v2_request_new(ETCD_V2_OP_GET, "/inside", &request, &error));
	CHECK_OK(etcd_v2_request_new_raw("GET", "/v2/keys/inside/never?wait=true", NULL, 0, NULL, &pending, &error));
	CHECK_OK(etcd_v2_request_set_timeout_ms(pending, 600000, &error));
	long descriptors = open_descriptors(), threads = own_threads();
	for (int i = 0; i < 10; i++)
		chains(i % 2 == 1);
	for (int of = 0; of < KINDS; of++)
		for (int in = 0; in < LIVES_OF_CLIENTS; in++)
			/* a listener must not free its client */
			if (in != FREED_INSIDE || of < LOG)
				round_of((enum kind)of, (enum life)in);
	etcd_v2_request_free(request);
	etcd_v2_request_free(pending);
	etcd_v2_client_free(other);
	WAIT_UNTIL(own_threads() <= threads);
	WAIT_UNTIL(open_descriptors() <= descriptors);
	return check_done();
}
