use super::*;
use Operation::*;

fn request(operation: Operation) -> Request {
    Request::new(operation, Key::parse("key", "/a b").unwrap())
}

fn sent(
    request: &Request,
) -> (
    &'static str,
    String,
    Option<String>,
    Idempotency,
    ResponseKind,
) {
    let http_request = request.http_request().unwrap();
    let form = http_request.body.is_some();
    assert_eq!(
        http_request.content_type.as_deref(),
        form.then_some("application/x-www-form-urlencoded")
    );
    let body = http_request.body.map(|b| String::from_utf8(b).unwrap());
    if let Some(body) = &body {
        assert!(!body.contains([';', '+', ' ']), "{body}");
    }
    (
        http_request.method.name(),
        http_request.target,
        body,
        http_request.repeat,
        http_request.expect,
    )
}

/// Options of a request in the order in which they are set.
#[derive(Clone, Copy)]
enum Opt {
    Value(&'static str),
    Time(i64),
    Permanent,
    Flags(u32),
    PrevValue(&'static str),
    PrevIndex(u64),
}
use Opt::*;

fn apply(request: &mut Request, opt: Opt) -> Result<()> {
    match opt {
        Value(v) => request.set_value(v.as_bytes()),
        Time(n) => request.set_ttl(n),
        Permanent => request.remove_ttl(),
        Flags(bits) => request.set_flags(bits),
        PrevValue(v) => request.set_prev_value(v),
        PrevIndex(n) => request.set_prev_index(n),
    }
}

#[test]
fn parameters_in_the_query() {
    const K: &str = "/v2/keys/a%20b";
    let rows: &[(Operation, &[Opt], &str, Idempotency)] = &[
        (Get, &[], "", Idempotency::Safe),
        (
            Get,
            &[Flags(RECURSIVE | SORTED | QUORUM)],
            "?recursive=true&sorted=true&quorum=true",
            Idempotency::Safe,
        ),
        (Get, &[Flags(QUORUM)], "?quorum=true", Idempotency::Safe),
        (Delete, &[], "", Idempotency::IfAllowed),
        (Delete, &[Flags(DIR)], "?dir=true", Idempotency::IfAllowed),
        (
            Delete,
            &[Flags(DIR | RECURSIVE)],
            "?dir=true&recursive=true",
            Idempotency::IfAllowed,
        ),
        (
            CompareAndDelete,
            &[PrevValue("a;+ &=ü\0")],
            "?prevValue=a%3B%2B%20%26%3D%C3%BC%00",
            Idempotency::Never,
        ),
        (
            CompareAndDelete,
            &[PrevValue("x"), PrevIndex(u64::MAX)],
            "?prevValue=x&prevIndex=18446744073709551615",
            Idempotency::Never,
        ),
    ];
    for (operation, options, query, repeat) in rows {
        let mut request = request(*operation);
        for opt in *options {
            apply(&mut request, *opt).unwrap();
        }
        let method = if *operation == Get { "GET" } else { "DELETE" };
        assert_eq!(
            sent(&request),
            (
                method,
                format!("{K}{query}"),
                None,
                *repeat,
                ResponseKind::Keys
            )
        );
    }
}

#[test]
fn parameters_in_the_form() {
    let rows: &[(Operation, &[Opt], &str)] = &[
        (Set, &[], "value="),
        (Set, &[Value("")], "value="),
        (
            Set,
            &[Value("v;+ &\0ü%"), Time(1)],
            "value=v%3B%2B%20%26%00%C3%BC%25&ttl=1",
        ),
        (Set, &[Value("v"), Permanent], "value=v&ttl="),
        (
            Set,
            &[Time(5), Permanent, Time(1 << 31)],
            "value=&ttl=2147483648",
        ),
        (Set, &[Flags(DIR), Time(9)], "ttl=9&dir=true"),
        (Set, &[Flags(DIR), Flags(0), Value("v")], "value=v"),
        (
            Set,
            &[Value("v"), Flags(NO_VALUE_ON_SUCCESS)],
            "value=v&noValueOnSuccess=true",
        ),
        (Create, &[Value("v")], "value=v&prevExist=false"),
        (Create, &[Flags(DIR)], "prevExist=false&dir=true"),
        (
            Update,
            &[Value("v"), Time(3)],
            "value=v&prevExist=true&ttl=3",
        ),
        (
            Update,
            &[Flags(DIR), Time(3)],
            "prevExist=true&ttl=3&dir=true",
        ),
        (
            Update,
            &[Flags(DIR), Permanent],
            "prevExist=true&ttl=&dir=true",
        ),
        (Refresh, &[Time(60)], "refresh=true&prevExist=true&ttl=60"),
        (
            Refresh,
            &[Time(60), Flags(NO_VALUE_ON_SUCCESS)],
            "refresh=true&prevExist=true&ttl=60&noValueOnSuccess=true",
        ),
        (CreateInOrder, &[Value("v"), Time(3)], "value=v&ttl=3"),
        (CreateInOrder, &[Flags(DIR)], "dir=true"),
        (
            CompareAndSwap,
            &[Value("new"), PrevValue("o d"), PrevIndex(7), Time(2)],
            "value=new&ttl=2&prevValue=o%20d&prevIndex=7",
        ),
        (
            CompareAndSwap,
            &[Value(""), PrevIndex(7)],
            "value=&prevIndex=7",
        ),
    ];
    for (operation, options, body) in rows {
        let mut request = request(*operation);
        for opt in *options {
            apply(&mut request, *opt).unwrap();
        }
        let method = if *operation == CreateInOrder {
            "POST"
        } else {
            "PUT"
        };
        let plain = *operation == Set && request.flags() & DIR == 0;
        let repeat = if plain {
            Idempotency::IfAllowed
        } else {
            Idempotency::Never
        };
        let brief = request.flags() & NO_VALUE_ON_SUCCESS != 0;
        let expect = if brief {
            ResponseKind::Action
        } else {
            ResponseKind::Keys
        };
        assert_eq!(
            sent(&request),
            (
                method,
                "/v2/keys/a%20b".into(),
                Some((*body).into()),
                repeat,
                expect
            )
        );
    }
}

#[test]
fn refused_options_name_the_parameter() {
    let rows: &[(Operation, &[Opt], Opt, &str)] = &[
        (Get, &[], Value("v"), "value"),
        (Delete, &[], Value("v"), "value"),
        (Refresh, &[], Value("v"), "value"),
        (CompareAndDelete, &[], Value("v"), "value"),
        (Set, &[Flags(DIR)], Value(""), "value"),
        (Set, &[Value("")], Flags(DIR), "flags"),
        (Get, &[], Time(1), "ttl"),
        (Delete, &[], Time(1), "ttl"),
        (CompareAndDelete, &[], Permanent, "ttl"),
        (Refresh, &[], Permanent, "ttl"),
        (Set, &[], Time(0), "ttl"),
        (Set, &[], Time(-1), "ttl"),
        (Set, &[], Time(i64::MIN), "ttl"),
        (Set, &[], Time((1 << 31) + 1), "ttl"),
        (Set, &[], Time(1 << 32), "ttl"),
        (Set, &[], Time(i64::MAX), "ttl"),
        (Set, &[], PrevValue("v"), "prev_value"),
        (Create, &[], PrevValue("v"), "prev_value"),
        (Create, &[], PrevIndex(1), "prev_index"),
        (Update, &[], PrevIndex(1), "prev_index"),
        (Delete, &[], PrevIndex(1), "prev_index"),
        (CreateInOrder, &[], PrevIndex(1), "prev_index"),
        (CompareAndSwap, &[], PrevValue(""), "prev_value"),
        (Get, &[], PrevIndex(0), "prev_index"),
    ];
    for (operation, before, opt, parameter) in rows {
        let mut request = request(*operation);
        for opt in *before {
            apply(&mut request, *opt).unwrap();
        }
        let error = apply(&mut request, *opt).unwrap_err();
        assert_eq!(error.status(), Status::INVALID_ARGUMENT, "{error}");
        assert!(
            error.to_string().starts_with(&format!("{parameter}: ")),
            "{error}"
        );
    }
}

#[test]
fn each_flag_fits_where_the_plan_says() {
    let write = DIR | NO_VALUE_ON_SUCCESS;
    for (operation, allowed) in [
        (Get, RECURSIVE | SORTED | QUORUM),
        (Set, write),
        (Create, write),
        (Update, write),
        (CreateInOrder, write),
        (CompareAndSwap, NO_VALUE_ON_SUCCESS),
        (Refresh, NO_VALUE_ON_SUCCESS),
        (Delete, DIR | RECURSIVE),
        (CompareAndDelete, 0),
    ] {
        for bit in (0..32).map(|n| 1u32 << n) {
            let outcome = request(operation).set_flags(bit);
            assert_eq!(outcome.is_ok(), allowed & bit != 0, "{operation:?} {bit}");
            if let Err(error) = outcome {
                assert!(error.to_string().starts_with("flags: "), "{error}");
            }
        }
        request(operation).set_flags(allowed).unwrap();
    }
}

#[test]
fn what_is_missing_is_told_before_anything_is_sent() {
    let rows: &[(Operation, &[Opt], &str)] = &[
        (Refresh, &[], "ttl"),
        (CompareAndSwap, &[PrevIndex(1)], "value"),
        (CompareAndSwap, &[Value("v")], "prev_value"),
        (CompareAndDelete, &[], "prev_value"),
    ];
    for (operation, options, parameter) in rows {
        let mut request = request(*operation);
        for opt in *options {
            apply(&mut request, *opt).unwrap();
        }
        let error = request.http_request().unwrap_err();
        assert_eq!(error.status(), Status::INVALID_ARGUMENT);
        assert!(
            error.to_string().starts_with(&format!("{parameter}: ")),
            "{error}"
        );
    }
}

#[test]
fn values_that_are_not_utf8() {
    for (value, at) in [(&b"\xff"[..], 0), (b"ab\xc3", 2), (b"a\xed\xa0\x80", 1)] {
        let error = request(Set).set_value(value).unwrap_err();
        assert_eq!(error.status(), Status::NOT_UTF8);
        assert!(
            error
                .to_string()
                .starts_with(&format!("value: not UTF-8 at byte {at},")),
            "{error}"
        );
    }
}

#[test]
fn the_limit_of_a_form_is_exact() {
    let room = MAX_FORM - "value=".len();
    let mut request = request(Set);
    request.set_value(&vec![b'a'; room]).unwrap();
    assert_eq!(
        request.http_request().unwrap().body.unwrap().len(),
        MAX_FORM
    );
    request.set_ttl(1).unwrap();
    let error = request.http_request().unwrap_err();
    assert_eq!(error.status(), Status::TOO_LARGE);
    assert!(
        error.to_string().starts_with("value: 10485766 bytes"),
        "{error}"
    );
    assert!(error.to_string().contains("10485760"), "{error}");
    // a NUL costs three bytes
    request.set_value(&vec![0; MAX_FORM / 3]).unwrap();
    assert_eq!(
        request.http_request().unwrap_err().status(),
        Status::TOO_LARGE
    );
    let error = request.set_value(&vec![b'a'; MAX_FORM + 1]).unwrap_err();
    assert_eq!(error.status(), Status::TOO_LARGE);
}

#[test]
fn a_long_condition_does_not_fit_the_request_line() {
    let mut swap = request(CompareAndSwap);
    let mut delete = request(CompareAndDelete);
    let long = "x".repeat(65_000);
    swap.set_value(b"v").unwrap();
    swap.set_prev_value(&long).unwrap();
    assert!(swap.http_request().is_ok());
    delete.set_prev_value(&long).unwrap();
    let error = delete.http_request().unwrap_err();
    assert_eq!(error.status(), Status::TOO_LARGE);
    assert!(error.to_string().starts_with("prev_value: "), "{error}");
    assert!(error.to_string().contains("prev_index"), "{error}");
    delete.set_prev_value("x").unwrap();
    assert!(delete.http_request().is_ok());
}
