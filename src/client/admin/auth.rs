//! Who may do what.

use super::Client;
use crate::display::one_line;
use crate::error::{Error, Result};
use crate::protocol::admin::auth;
use crate::protocol::admin::roles::{self, Access, Role};
use crate::protocol::admin::users::{self, User};
use crate::protocol::http_request::HttpRequest;
use crate::status::Status;
use std::time::Instant;

impl Client {
    /// Whether etcd asks who somebody is.
    pub fn auth_is_enabled(&self) -> Result<bool> {
        auth::enabled(self.page(&auth::ask(), self.deadline())?.body())
    }

    /// Turns it on or off.
    pub fn set_auth(&self, on: bool) -> Result<()> {
        self.page(&auth::set(on), self.deadline()).map(drop)
    }

    /// All users.
    pub fn users(&self) -> Result<Vec<User>> {
        users::list(self.page(&users::ask_list(), self.deadline())?.body())
    }

    /// One user.
    pub fn user(&self, name: &str) -> Result<User> {
        self.user_of(&users::ask(name)?)
    }

    /// A new user; never changes one that exists.
    pub fn create_user(&self, name: &str, password: &str, roles: &[&str]) -> Result<User> {
        let deadline = self.deadline();
        let http_request = users::put(name, password, roles)?;
        // etcd itself refuses only with roles; without them it would take this for a new password
        let alone = roles.is_empty();
        if alone && self.missing(name, deadline)?.is_none() {
            return Err(conflict(name, "exists already"));
        }
        let response = self.page(&http_request, deadline)?;
        if alone && response.head().status != 201 {
            let why = "was created by somebody else meanwhile, and has this password now";
            return Err(conflict(name, why));
        }
        users::one(response.body())
    }

    /// A new password for a user that exists.
    pub fn set_user_password(&self, name: &str, password: &str) -> Result<()> {
        let deadline = self.deadline();
        let http_request = users::put(name, password, &[])?;
        // without it etcd would make the user
        if let Some(error) = self.missing(name, deadline)? {
            return Err(error);
        }
        let response = self.page(&http_request, deadline)?;
        if response.head().status == 201 {
            let why = "was deleted by somebody else meanwhile, and is there again without roles";
            return Err(conflict(name, why));
        }
        Ok(())
    }

    /// More roles for a user.
    pub fn grant_user(&self, name: &str, roles: &[&str]) -> Result<User> {
        self.user_of(&users::grant(name, roles)?)
    }

    /// Fewer roles for a user.
    pub fn revoke_user(&self, name: &str, roles: &[&str]) -> Result<User> {
        self.user_of(&users::revoke(name, roles)?)
    }

    /// One user less.
    pub fn delete_user(&self, name: &str) -> Result<()> {
        let http_request = users::delete(name)?;
        self.page(&http_request, self.deadline()).map(drop)
    }

    /// All roles.
    pub fn roles(&self) -> Result<Vec<Role>> {
        roles::list(self.page(&roles::ask_list(), self.deadline())?.body())
    }

    /// One role.
    pub fn role(&self, name: &str) -> Result<Role> {
        self.role_of(&roles::ask(name)?)
    }

    /// A new role, which may do nothing yet.
    pub fn create_role(&self, name: &str) -> Result<Role> {
        self.role_of(&roles::create(name)?)
    }

    /// More that a role may do.
    pub fn grant_role(&self, name: &str, patterns: &[&str], access: Access) -> Result<Role> {
        self.role_of(&roles::grant(name, patterns, access)?)
    }

    /// Less that a role may do.
    pub fn revoke_role(&self, name: &str, patterns: &[&str], access: Access) -> Result<Role> {
        self.role_of(&roles::revoke(name, patterns, access)?)
    }

    /// One role less.
    pub fn delete_role(&self, name: &str) -> Result<()> {
        let http_request = roles::delete(name)?;
        self.page(&http_request, self.deadline()).map(drop)
    }

    fn user_of(&self, http_request: &HttpRequest) -> Result<User> {
        users::one(self.page(http_request, self.deadline())?.body())
    }

    fn role_of(&self, http_request: &HttpRequest) -> Result<Role> {
        roles::one(self.page(http_request, self.deadline())?.body())
    }

    /// What etcd says when there is no such user.
    fn missing(&self, name: &str, deadline: Instant) -> Result<Option<Error>> {
        match self.page(&users::ask(name)?, deadline) {
            Ok(_) => Ok(None),
            Err(error) if error.status() == Status::NOT_FOUND => {
                // the same status is given for a user with a role that nobody has made
                let of_role = error.detail().etcd_message.starts_with("auth: Role ");
                Ok(Some(error).filter(|_| !of_role))
            }
            Err(error) => Err(error),
        }
    }
}

fn conflict(name: &str, why: &str) -> Error {
    let text = format!("name: the user {} {why}", one_line(name));
    Error::new(Status::CONFLICT, text)
}
