//! HTTP methods.

/// HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /** GET */
    Get,
    /** HEAD */
    Head,
    /** PUT */
    Put,
    /** POST */
    Post,
    /** DELETE */
    Delete,
}

impl Method {
    pub(super) const ALL: [Method; 5] = [
        Method::Get,
        Method::Head,
        Method::Put,
        Method::Post,
        Method::Delete,
    ];

    /// Upper-case name.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Put => "PUT",
            Method::Post => "POST",
            Method::Delete => "DELETE",
        }
    }
}
