//! TLS
//!
//! For members at "https://". By default the server certificate is verified against the system
//! trust store and the host in the URL; without a system trust store, making the client fails. Only
//! etcd_v2_options_set_insecure_skip_verify() disables verification, for watchers as for all else.
//! TLS 1.2 and 1.3 are supported; sessions are resumed across all connections of a client.
//!
//! Files and texts are in PEM format. They are checked here and again when the client is made:
//! ETCD_V2_TLS reports what is wrong with them, from a missing file to an expired certificate. A
//! failed handshake ends a call with ETCD_V2_TLS, too, if no other member is left to try; the
//! message has the reason. A server that rejects the client in the handshake has not executed its
//! request. A library built without TLS returns ETCD_V2_TLS from all of these.
use super::{
    client::etcd_v2_client,
    convert::{borrow, bytes, look, text},
    error::etcd_v2_error,
    fallible::guard,
    options::{etcd_v2_options, set},
    panic_boundary::shield,
    status::etcd_v2_status,
};
use crate::transport::tls::settings::PemSource;
use std::ffi::{c_char, c_void};

/// Trusts the certificate authorities in this file and no others; replaces
/// etcd_v2_options_set_ca_pem(). Every certificate in the file is trusted; a self-signed server
/// certificate may be in it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_ca_file(
    options: *mut etcd_v2_options,
    ca_file: *const c_char,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, text and err as the header asks
    unsafe {
        set(options, err, |o| {
            let source = PemSource::file("ca_file", text("ca_file", ca_file)?);
            o.tls_mut().set_authorities(source)
        })
    }
}

/// The same from memory: `length` bytes of `pem`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_ca_pem(
    options: *mut etcd_v2_options,
    pem: *const c_void,
    length: usize,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, bytes and err as the header asks
    unsafe {
        set(options, err, |o| {
            let source = PemSource::memory("pem", bytes("pem", pem, length)?);
            o.tls_mut().set_authorities(source)
        })
    }
}

/// Trusts the authorities of the system as well as those named above; default: only when none is
/// named and nothing is pinned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_system_ca(
    options: *mut etcd_v2_options,
    system_ca: bool,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe { set(options, err, |o| o.tls_mut().set_system(system_ca)) }
}

/// Client certificate, followed by its intermediate certificates, and its private key, which may be
/// in the same file. It is sent to servers that request one. Keys are RSA (2048 to 4096 bits), EC
/// (P-256, P-384) or Ed25519, as PKCS#8, PKCS#1 or SEC1, with or without EC parameters, and not
/// encrypted. A key that does not match, and a certificate that has expired, is not yet valid, or
/// is not for client authentication, are rejected.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_client_cert_files(
    options: *mut etcd_v2_options,
    cert_file: *const c_char,
    key_file: *const c_char,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, texts and err as the header asks
    unsafe {
        set(options, err, |o| {
            let cert = PemSource::file("cert_file", text("cert_file", cert_file)?);
            let key = PemSource::file("key_file", text("key_file", key_file)?);
            o.tls_mut().set_identity(cert, key)
        })
    }
}

/// The same from memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_client_cert_pem(
    options: *mut etcd_v2_options,
    cert: *const c_void,
    cert_length: usize,
    key: *const c_void,
    key_length: usize,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, bytes and err as the header asks
    unsafe {
        set(options, err, |o| {
            let cert = PemSource::memory("cert", bytes("cert", cert, cert_length)?);
            let key = PemSource::memory("key", bytes("key", key, key_length)?);
            o.tls_mut().set_identity(cert, key)
        })
    }
}

/// The host name or IP address that certificates of servers must be for, instead of that in
/// the URL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_server_name(
    options: *mut etcd_v2_options,
    server_name: *const c_char,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, text and err as the header asks
    unsafe {
        set(options, err, |o| {
            o.tls_mut()
                .set_server_name(text("server_name", server_name)?)
        })
    }
}

/// Accepts only this certificate of a server, identified by the SHA-256 of its DER form: 64
/// hexadecimal digits, colons between pairs allowed, as `openssl x509 -fingerprint -sha256` shows
/// it. Each call adds one. If an authority is set as well, the certificate must also be signed by
/// it; without one the pin alone decides: the certificate may be self-signed or of X.509 version 1,
/// and neither its name nor its validity period is checked.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_add_pinned_sha256(
    options: *mut etcd_v2_options,
    sha256: *const c_char,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, text and err as the header asks
    unsafe {
        set(options, err, |o| {
            o.tls_mut().add_pin(text("sha256", sha256)?)
        })
    }
}

/// Disables verification of server certificates: anyone on the network path can read and change all
/// traffic. For tests only. Pinned certificates are still checked. etcd_v2_client_is_insecure()
/// reports it, unless certificates are pinned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_insecure_skip_verify(
    options: *mut etcd_v2_options,
    insecure_skip_verify: bool,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe {
        set(options, err, |o| {
            o.tls_mut().set_insecure(insecure_skip_verify)
        })
    }
}

/// Reloads the certificate and key files, for instance after a renewal. If one of them is invalid,
/// an error is returned and nothing changes; otherwise new connections use them. Calls and watchers
/// in progress are not interrupted; their connections are closed when they end. Certificates and
/// keys given from memory do not change.
/// Also returns ETCD_V2_TLS.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_client_reload_tls(
    client: *const etcd_v2_client,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe { guard(err, || borrow("client", client)?.0.reload_tls()) }
}

/// Whether the client accepts any server certificate at "https://"; false for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_client_is_insecure(client: *const etcd_v2_client) -> bool {
    shield(false, || {
        // SAFETY: handle as the header asks
        let client = unsafe { look(client) };
        client.is_some_and(|client| client.0.is_insecure())
    })
}
