//! The setters of what a caller says about TLS; each looks at what it is given.
use super::config;
use super::settings::{Fingerprint, PemSource, TlsSettings};
use crate::error::{Error, Result};

impl TlsSettings {
    /// Who signs certificates of servers.
    pub fn set_authorities(&mut self, source: PemSource) -> Result<()> {
        self.change(|new| new.authorities = Some(source))
    }

    /// Those that the system trusts do it, too.
    pub fn set_system(&mut self, system: bool) -> Result<()> {
        self.change(|new| new.system = system)
    }

    /// What the client shows to servers.
    pub fn set_identity(&mut self, certificate: PemSource, key: PemSource) -> Result<()> {
        self.change(|new| new.identity = Some((certificate, key)))
    }

    /// The name that the certificate of every server has to have, instead of that in its URL.
    pub fn set_server_name(&mut self, name: &str) -> Result<()> {
        self.change(|new| new.server_name = Some(name.to_owned()))
    }

    /// One more certificate that a server may have; in hexadecimal digits, with or without colons.
    pub fn add_pin(&mut self, text: &str) -> Result<()> {
        let Some(pin) = fingerprint(text) else {
            let why = "not the SHA-256 of a certificate: 64 hexadecimal digits";
            return Err(Error::invalid("sha256", why));
        };
        self.change(|new| {
            if !new.pins.contains(&pin) {
                new.pins.push(pin);
            }
        })
    }

    /// Believe everybody.
    pub fn set_insecure(&mut self, insecure: bool) -> Result<()> {
        self.change(|new| new.insecure = insecure)
    }

    fn change(&mut self, change: impl FnOnce(&mut TlsSettings)) -> Result<()> {
        let mut new = self.clone();
        change(&mut new);
        config::check(&new)?;
        *self = new;
        Ok(())
    }
}

fn fingerprint(text: &str) -> Option<Fingerprint> {
    let digits: Vec<u8> = match text.contains(':') {
        // as openssl shows it
        true if text.len() == 95 => {
            let pairs = text.as_bytes().chunks(3);
            let separated = pairs
                .clone()
                .all(|pair| matches!(pair, [_, _] | [_, _, b':']));
            separated.then(|| {
                pairs
                    .flat_map(|pair| pair.iter().take(2))
                    .copied()
                    .collect()
            })?
        }
        _ => text.as_bytes().to_vec(),
    };
    let mut pin = Fingerprint::default();
    if digits.len() != 2 * pin.len() {
        return None;
    }
    for (byte, pair) in pin.iter_mut().zip(digits.chunks(2)) {
        let value = |digit: &u8| char::from(*digit).to_digit(16);
        *byte = match pair {
            [high, low] => (value(high)? * 16 + value(low)?) as u8,
            _ => return None,
        };
    }
    Some(pin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints() {
        let plain = "00ff".repeat(16);
        let mut expected = [0u8; 32];
        expected
            .iter_mut()
            .skip(1)
            .step_by(2)
            .for_each(|b| *b = 255);
        assert_eq!(fingerprint(&plain), Some(expected));
        assert_eq!(fingerprint(&plain.to_uppercase()), Some(expected));
        let colons = ["00:FF"; 16].join(":");
        assert_eq!(fingerprint(&colons), Some(expected));
        for wrong in [
            String::new(),
            "0".repeat(63),
            "0".repeat(65),
            "g".repeat(64),
            format!("{}ü", "0".repeat(62)),
            format!("{}:", "0".repeat(94)),
            colons.replacen(':', "-", 1),
            format!("sha256//{plain}"),
        ] {
            assert_eq!(fingerprint(&wrong), None, "{wrong}");
        }
    }
}
