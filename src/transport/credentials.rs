//! User and password of a client: sent to its members, and shown to nobody.
use crate::error::{Error, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// Longest name of a user, and longest password, in bytes.
const LONGEST: usize = 1024;

/// What proves who asks. Clones are the same secret, and `Debug` does not tell it.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization(Arc<Basic>);

#[derive(PartialEq, Eq)]
struct Basic {
    user: String,
    header: String,
}

impl Authorization {
    /// Basic authentication. Refused is what a server could not read back: a user with a colon, control characters.
    pub fn basic(user: &str, password: &str) -> Result<Authorization> {
        if user.is_empty() {
            return Err(Error::invalid("user", "must not be empty"));
        }
        if user.contains(':') {
            return Err(Error::invalid("user", "a colon ends the name of a user"));
        }
        for (parameter, text) in [("user", user), ("password", password)] {
            if text.len() > LONGEST {
                let why = format!("{} bytes, at most {LONGEST} are sent", text.len());
                return Err(Error::invalid(parameter, why));
            }
            // most often the end of the line of the file that it was read from
            if let Some(at) = text.find(char::is_control) {
                let why = format!("control character at byte {at}");
                return Err(Error::invalid(parameter, why));
            }
        }
        Ok(Authorization(Arc::new(Basic {
            user: user.to_owned(),
            header: format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))),
        })))
    }

    /// Whose it is.
    pub fn user(&self) -> &str {
        &self.0.user
    }

    /// User and password again, for who saves them.
    pub fn parts(&self) -> (String, String) {
        let encoded = self.0.header.trim_start_matches("Basic ");
        let both = STANDARD.decode(encoded).unwrap_or_default();
        let both = String::from_utf8(both).unwrap_or_default();
        let (user, password) = both.split_once(':').unwrap_or_default();
        (user.to_owned(), password.to_owned())
    }

    /// Value of the `Authorization` header: for the wire, never for a message.
    pub fn header(&self) -> &str {
        &self.0.header
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authorization(***)")
    }
}

/// What the members of a client are told, which may change at any time: every request takes what is there when it leaves.
#[derive(Debug, Default)]
pub struct Credentials(RwLock<Option<Authorization>>);

impl Credentials {
    /// None, or these.
    pub fn new(authorization: Option<Authorization>) -> Credentials {
        Credentials(RwLock::new(authorization))
    }

    /// Those of now.
    pub fn get(&self) -> Option<Authorization> {
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        current.clone()
    }

    /// From now on these, or none.
    pub fn set(&self, authorization: Option<Authorization>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = authorization;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Status;

    #[test]
    fn the_header_is_that_of_the_rfc_and_no_message_has_it() {
        let authorization = Authorization::basic("Aladdin", "open sesame").unwrap();
        assert_eq!(authorization.header(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(authorization.user(), "Aladdin");
        let parts = ("Aladdin".to_owned(), "open sesame".to_owned());
        assert_eq!(authorization.parts(), parts);
        let shown = format!("{:?}", Credentials::new(Some(authorization)));
        assert!(
            !shown.contains("QWxh") && !shown.contains("sesame"),
            "{shown}"
        );
        assert!(Authorization::basic("ü", "").is_ok());
        let longest = "x".repeat(LONGEST);
        assert!(Authorization::basic(&longest, &longest).is_ok());
    }

    #[test]
    fn what_no_server_could_read_back_is_refused_without_being_repeated() {
        let long = "hunter2".repeat(200);
        for (user, password, parameter) in [
            ("", "hunter2", "user"),
            ("hunter2:x", "y", "user"),
            ("hunter2\n", "y", "user"),
            (long.as_str(), "y", "user"),
            ("me", long.as_str(), "password"),
            ("me", "hunter2\n", "password"),
            ("me", "hunter2\0", "password"),
        ] {
            let error = Authorization::basic(user, password).unwrap_err();
            assert_eq!(error.status(), Status::INVALID_ARGUMENT);
            let text = error.to_string();
            assert!(text.starts_with(&format!("{parameter}: ")), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}
