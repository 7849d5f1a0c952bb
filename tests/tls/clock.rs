//! A clock that was never set: who has to be verified is refused in words, who has not is asked.

use super::server::{Manner, TlsServer};
use super::support::{Authority, CProgram, Wish};

const NODE: &str =
    r#"{"action":"get","node":{"key":"/a","value":"1","modifiedIndex":7,"createdIndex":7}}"#;

#[test]
fn a_clock_before_1970_is_no_internal_error() {
    let clock = CProgram::new("early_clock")
        .without_library()
        .flags(&["-shared", "-fPIC"])
        .build();
    let authority = Authority::new("ours");
    let server = authority.issue(&Wish::server());
    let program = CProgram::new("clock_get").build();
    let (file, preload) = (authority.file(), clock.path().to_str().unwrap());
    for manner in ["verified", "insecure"] {
        let server = TlsServer::start(&server, None, Manner::Answer(NODE));
        // with the right time both are served
        program.run(&[&server.url, &file, manner, "0"]).success();
        let early = CProgram::new("clock_get")
            .build()
            .env("LD_PRELOAD", preload);
        let output = early.run(&[&server.url, &file, manner, "1"]).success();
        assert_eq!(output.stderr, "", "{}", output.stderr);
    }
}
