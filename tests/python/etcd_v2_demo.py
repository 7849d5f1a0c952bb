"""The library from a script: Python's ctypes and nothing else.

    python3 etcd_v2_demo.py LIBRARY URL
"""

import ctypes
import sys
import threading
from ctypes import POINTER, byref, c_bool, c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

library = ctypes.CDLL(sys.argv[1])


def declare(result, name, *parameters):
    """Every pointer needs its type: ctypes takes what is not declared for an int and cuts it."""
    function = getattr(library, "etcd_v2_" + name)
    function.restype, function.argtypes = result, parameters
    return function


OUT = POINTER(c_void_p)
declare(c_char_p, "version")
declare(c_char_p, "status_name", c_int32)
status_count = declare(c_size_t, "status_count")
status_at = declare(c_int32, "status_at", c_size_t)
declare(c_int32, "client_open", c_char_p, OUT, OUT)
declare(None, "client_free", c_void_p)
declare(c_int32, "set", c_void_p, c_char_p, c_char_p, c_int64, OUT, OUT)
declare(c_int32, "get", c_void_p, c_char_p, c_uint32, OUT, OUT)
declare(c_int32, "delete", c_void_p, c_char_p, c_uint32, OUT, OUT)
declare(c_int32, "watch_once", c_void_p, c_char_p, c_uint64, c_uint32, c_int64, OUT, OUT)
declare(c_int32, "client_with", c_void_p, c_int64, c_void_p, OUT, OUT)
declare(c_int32, "request_new", c_int32, c_char_p, OUT, OUT)
declare(c_int32, "request_set_value", c_void_p, c_char_p, c_size_t, OUT)
declare(None, "request_free", c_void_p)
declare(c_int32, "execute", c_void_p, c_void_p, OUT, OUT)
declare(c_int32, "cancel_token_new", OUT, OUT)
declare(None, "cancel_token_cancel", c_void_p)
declare(None, "cancel_token_free", c_void_p)
declare(c_void_p, "response_node", c_void_p)
declare(c_char_p, "response_action", c_void_p)
declare(c_uint64, "response_etcd_index", c_void_p)
declare(None, "response_free", c_void_p)
declare(c_char_p, "node_key", c_void_p, POINTER(c_size_t))
# not c_char_p, which ends at the first NUL
declare(c_void_p, "node_value", c_void_p, POINTER(c_size_t))
declare(c_bool, "node_is_dir", c_void_p)
declare(c_uint64, "node_modified_index", c_void_p)
declare(c_size_t, "node_child_count", c_void_p)
declare(c_void_p, "node_child_at", c_void_p, c_size_t)
declare(c_char_p, "error_message", c_void_p)
declare(c_char_p, "error_cause", c_void_p)
declare(None, "error_free", c_void_p)

# the statuses can be asked for; flags and operations are copied from the header
STATUS = {library.etcd_v2_status_name(status_at(i)).decode(): status_at(i) for i in range(status_count())}
RECURSIVE, SORTED = 1, 2
OP_SET = 2
TIMEOUT_INFINITE, TIMEOUT_DEFAULT = -1, -2


class EtcdError(Exception):
    def __init__(self, status, error):
        super().__init__(library.etcd_v2_error_message(error).decode())
        self.status = status
        self.cause = library.etcd_v2_error_cause(error).decode()
        library.etcd_v2_error_free(error)


def call(function, *arguments):
    """Calls what takes only `err` after these arguments."""
    error = c_void_p()
    status = function(*arguments, byref(error))
    if status != 0:
        raise EtcdError(status, error)


def make(function, *arguments):
    """Calls what takes `out` and `err` after these arguments, and returns what came out."""
    out = c_void_p()
    call(function, *arguments, byref(out))
    return out


def node(pointer):
    length = c_size_t()
    value = library.etcd_v2_node_value(pointer, byref(length))
    children = range(library.etcd_v2_node_child_count(pointer))
    return {
        "key": library.etcd_v2_node_key(pointer, None).decode(),
        "dir": library.etcd_v2_node_is_dir(pointer),
        "value": None if value is None else ctypes.string_at(value, length.value).decode(),
        "index": library.etcd_v2_node_modified_index(pointer),
        "children": [node(library.etcd_v2_node_child_at(pointer, i)) for i in children],
    }


def answer(function, *arguments):
    """Action, etcd's index and node of an answer, as Python's own."""
    response = make(function, *arguments)
    try:
        action = library.etcd_v2_response_action(response).decode()
        index = library.etcd_v2_response_etcd_index(response)
        return action, index, node(library.etcd_v2_response_node(response))
    finally:
        library.etcd_v2_response_free(response)


def main():
    client = make(library.etcd_v2_client_open, sys.argv[2].encode())

    # values and keys in UTF-8, and a NUL inside a value
    assert answer(library.etcd_v2_set, client, b"/py/a", "grüße".encode(), 0)[0] == "set"
    request = make(library.etcd_v2_request_new, OP_SET, "/py/schlüssel".encode())
    call(library.etcd_v2_request_set_value, request, b"x\0y", 3)
    answer(library.etcd_v2_execute, client, request)
    library.etcd_v2_request_free(request)

    action, index, tree = answer(library.etcd_v2_get, client, b"/py", RECURSIVE | SORTED)
    assert action == "get" and tree["dir"] and tree["value"] is None, tree
    listed = [(child["key"], child["value"]) for child in tree["children"]]
    assert listed == [("/py/a", "grüße"), ("/py/schlüssel", "x\0y")], listed
    print("listed", len(listed))

    # an answer that nobody wants is None
    call(library.etcd_v2_set, client, b"/py/a", b"second", 0, None)
    action, _, changed = answer(library.etcd_v2_watch_once, client, b"/py", index + 1, RECURSIVE, 60_000)
    assert (action, changed["key"], changed["value"]) == ("set", "/py/a", "second"), changed
    assert changed["index"] > index
    print("watched", changed["value"])

    # ctypes lets other threads run while a call waits: one of them ends it
    token = make(library.etcd_v2_cancel_token_new)
    tied = make(library.etcd_v2_client_with, client, TIMEOUT_DEFAULT, token)
    caught = []

    def wait():
        try:
            answer(library.etcd_v2_watch_once, tied, b"/py/quiet", 0, 0, TIMEOUT_INFINITE)
        except EtcdError as error:
            caught.append(error)

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    library.etcd_v2_cancel_token_cancel(token)
    waiting.join(120)
    assert not waiting.is_alive() and [e.status for e in caught] == [STATUS["ETCD_V2_CANCELLED"]], caught
    library.etcd_v2_client_free(tied)
    library.etcd_v2_cancel_token_free(token)
    print("cancelled")

    for status, function, arguments in [
        ("ETCD_V2_KEY_NOT_FOUND", library.etcd_v2_get, (client, b"/py/nothing", 0)),
        ("ETCD_V2_INVALID_ARGUMENT", library.etcd_v2_get, (None, b"/py", 0)),
        ("ETCD_V2_INVALID_ARGUMENT", library.etcd_v2_get, (client, None, 0)),
        ("ETCD_V2_NOT_UTF8", library.etcd_v2_set, (client, b"/py/a", b"\xff", 0)),
    ]:
        try:
            answer(function, *arguments)
        except EtcdError as error:
            assert error.status == STATUS[status] and str(error), (status, error.status, error)
            print(status)
        else:
            raise AssertionError(status)

    call(library.etcd_v2_delete, client, b"/py", RECURSIVE, None)
    library.etcd_v2_client_free(client)
    print("version", library.etcd_v2_version().decode())


main()
