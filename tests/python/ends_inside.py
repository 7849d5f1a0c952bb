"""An interpreter that ends while a callback of the library runs in it.

Arguments: library, endpoint, which callback, how it ends: "plain", or "frees" when the client is freed by a destructor that
the end of the interpreter runs.
"""
import ctypes as c
import sys
import threading
import time

P, LINE = c.c_void_p, c.c_char_p
lib = c.CDLL(sys.argv[1])
URL, KIND, HOW = sys.argv[2].encode(), sys.argv[3], sys.argv[4]
FREE = c.CFUNCTYPE(None, P)
inside = threading.Event()
kept = []


def call(name, *arguments):
    function = getattr(lib, "etcd_v2_" + name)
    status = function(*arguments, None)
    assert status == 0, (name, status)


def made(name, *arguments):
    out = P()
    call(name, *arguments, c.byref(out))
    return out


def body(answer=None):
    """Runs for ever, and asks for the interpreter all the time."""
    def run(*_):
        inside.set()
        while True:
            time.sleep(0.001)
        return answer
    return run


def callback(*types, result=None):
    function = c.CFUNCTYPE(result, *types)(body(0 if result else None))
    kept.append(function)
    return function


none = c.cast(None, FREE)
options = made("options_new")
if KIND == "retry":
    call("options_add_endpoint", options, b"http://127.0.0.1:1")
call("options_add_endpoint", options, URL)
if KIND in ("log", "log_on_a_thread"):
    call("options_set_log_callback", options, 4, callback(c.c_int, LINE, P), None, none)
elif KIND == "curl":
    call("options_set_curl_callback", options, callback(LINE, P), None, none)
elif KIND == "trace":
    call("options_set_trace_callback", options, callback(P, P), None, none)
elif KIND == "retry":
    call("options_set_retry_callback", options, callback(P, P, result=c.c_int64), None, none)
elif KIND == "config":
    call("options_set_autosave_callback", options, 0, callback(LINE, P), None, none)
client = made("client_new", options)
lib.etcd_v2_options_free(options)


def request(key):
    r = made("request_new", 1, key)
    return r


def submit(function=None, free_user=none):
    if function is None:
        function = c.CFUNCTYPE(None, P, P)(lambda *_: None)
        kept.append(function)
    r = request(b"/inside")
    call("submit_callback", client, r, function, None, free_user)
    lib.etcd_v2_request_free(r)


def on_a_thread(*steps):
    def run():
        for step in steps:
            step()
    threading.Thread(target=run, daemon=True).start()


if KIND == "completion":
    submit(callback(P, P))
elif KIND == "free_user":
    submit(None, callback(P))
elif KIND in ("event", "state"):
    watch = made("watch_options_new")
    if KIND == "event":
        call("watch_options_set_callback", watch, callback(P, P), None, none)
    else:
        call("watch_options_set_state_callback", watch, callback(c.c_int, LINE, c.c_int, P), None, none)
    kept.append(made("watch", client, b"/inside", watch))
    if KIND == "event":
        other = made("client_open", URL)
        while not inside.is_set():
            call("set", other, b"/inside", b"v", 0, None)
            inside.wait(0.01)
elif KIND in ("log", "curl", "trace", "retry"):
    submit()
elif KIND == "log_on_a_thread":
    on_a_thread(lambda: lib.etcd_v2_get(client, b"/inside", 0, None, None))
elif KIND == "config":
    on_a_thread(lambda: lib.etcd_v2_client_set_endpoints(client, b"http://127.0.0.1:1", None))
elif KIND == "waiting":
    # threads of the host in calls that wait, as daemons are at the end
    queue, watcher = made("queue_new"), made("watch", client, b"/inside", None)
    out = P()
    on_a_thread(lambda: lib.etcd_v2_queue_next(queue, c.c_int64(-1), c.byref(out), None))
    on_a_thread(lambda: lib.etcd_v2_watcher_next(watcher, c.c_int64(-1), c.byref(out), None))
    on_a_thread(lambda: lib.etcd_v2_watch_once(client, b"/inside", c.c_uint64(0), 0, c.c_int64(-1), c.byref(out), None))
    inside.set()
assert inside.wait(200), KIND


class Late:
    def __init__(self):
        self.free, self.sleep, self.client = lib.etcd_v2_client_free, time.sleep, client

    def __del__(self):
        # lets other threads run, which the interpreter ends from here on
        self.sleep(0.1)
        if HOW == "frees":
            self.free(self.client)


late = Late()
print("ends", flush=True)
