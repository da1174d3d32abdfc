//! What a client's encryption means for what it may do: TLS that is too old for it, and the setting
//! that would let it in.

use tracing::{debug, warn};

use crate::{
    device::{Client, DeviceEncryption, refusal},
    model::{Reply, TlsVersion},
};

/// Why a handshake was refused before it began, or as soon as its ciphers were seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TlsRefusal {
    /// Its best version is older than its `oldest_tls`; none is SSL 2.0 and nothing better.
    TooOld(Option<TlsVersion>),
    /// TLS 1.2, with no cipher but RC4 and 3DES, which only those get who may use something older.
    OldCiphers,
    /// Allowed, but this build has no library for it.
    NotBuilt(TlsVersion),
}

impl Client {
    /// Notes that its TLS was refused, for the administrator, who is told by what is returned: what
    /// it offered, and what would let it in.
    pub fn refuse_tls(&self, refusal: TlsRefusal) -> String {
        let reason = self.tls_refusal_text(refusal);
        match self.device() {
            Some(device) => {
                warn!(device = %device.name, peer = %self.peer(), %reason, "handshake refused");
            }
            None => debug!(peer = %self.peer(), %reason, "handshake refused"),
        }
        let needs = match refusal {
            TlsRefusal::TooOld(version) => version,
            TlsRefusal::OldCiphers => Some(TlsVersion::Tls11),
            TlsRefusal::NotBuilt(_) => None,
        };
        self.note_failed_handshake(&reason, needs);
        reason
    }

    fn tls_refusal_text(&self, refusal: TlsRefusal) -> String {
        let (offered, needed) = match refusal {
            TlsRefusal::TooOld(None) => {
                return "it offers SSL 2.0 and nothing newer, which is not served; switch \
                    encryption off on it"
                    .to_owned();
            }
            TlsRefusal::NotBuilt(version) => {
                return format!(
                    "it offers {} at best; this build has no legacy TLS (Cargo feature legacy-tls)",
                    version.as_str()
                );
            }
            TlsRefusal::TooOld(Some(version)) => (version.as_str().to_owned(), version.as_str()),
            TlsRefusal::OldCiphers => {
                ("tls1.2 with RC4 or 3DES".to_owned(), TlsVersion::Tls11.as_str())
            }
        };
        let allowed = self.oldest_tls().as_str();
        match self.device() {
            Some(device) if device.encryption == DeviceEncryption::Required => {
                let name = &device.name;
                format!(
                    "it offers {offered} at best, and [[device]] \"{name}\" has encryption = \
                    \"required\", which takes tls1.2 or newer"
                )
            }
            Some(device) => {
                let name = &device.name;
                format!(
                    "it offers {offered} at best, its oldest_tls is {allowed}; oldest_tls = \
                    \"{needed}\" in [[device]] \"{name}\" lets it in"
                )
            }
            None => {
                format!(
                    "it offers {offered} at best; a [[device]] with its address in networks and \
                    oldest_tls = \"{needed}\" lets it in"
                )
            }
        }
    }

    /// Whether it may not say anything that matters yet: it must encrypt, and what is on protects
    /// nothing.
    #[must_use]
    pub fn must_encrypt(&self, on: Option<TlsVersion>) -> bool {
        self.device().is_some_and(|device| device.encryption == DeviceEncryption::Required)
            && !on.is_some_and(TlsVersion::is_secure)
    }

    /// Whether the TLS that is on, if any, is good enough for its device: it may have become that
    /// device after the handshake.
    ///
    /// # Errors
    /// 534 5.7.9 when it is too old, 530 5.7.0 when there is none that protects anything, naming
    /// the setting.
    pub fn permit_tls(&self, on: Option<TlsVersion>) -> Result<(), Reply> {
        let Some(device) = self.device() else {
            return Ok(());
        };
        if let Some(version) = on.filter(|version| *version < device.oldest_tls) {
            return Err(self.refuse(refusal::old_tls(device, version)));
        }
        if self.must_encrypt(on) {
            return Err(self.refuse(refusal::plaintext(device, on)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{DeviceSettings, fixture};

    fn check(peer: &str, refusal: TlsRefusal, expected: &str) {
        let devices =
            fixture::devices(vec![fixture::device("printers", &["192.168.10.0/24"])], Vec::new());
        devices.identify(peer.parse().unwrap()).refuse_tls(refusal);
        let seen = devices
            .sightings()
            .into_iter()
            .flat_map(|device| device.clients)
            .chain(devices.strangers())
            .next()
            .unwrap();
        assert_eq!(seen.failed_handshake.unwrap().reason, expected);
    }

    #[test]
    fn a_refused_handshake_names_what_was_offered_and_the_setting_that_lets_it_in() {
        let printer = "192.168.10.9";
        check(
            printer,
            TlsRefusal::TooOld(Some(TlsVersion::Ssl3)),
            "it offers ssl3 at best, its oldest_tls is tls1.2; oldest_tls = \"ssl3\" in [[device]] \
            \"printers\" lets it in",
        );
        check(
            printer,
            TlsRefusal::OldCiphers,
            "it offers tls1.2 with RC4 or 3DES at best, its oldest_tls is tls1.2; oldest_tls = \
            \"tls1.1\" in [[device]] \"printers\" lets it in",
        );
        check(
            printer,
            TlsRefusal::TooOld(None),
            "it offers SSL 2.0 and nothing newer, which is not served; switch encryption off on it",
        );
        check(
            printer,
            TlsRefusal::NotBuilt(TlsVersion::Tls10),
            "it offers tls1.0 at best; this build has no legacy TLS (Cargo feature legacy-tls)",
        );
        check(
            "172.16.0.1",
            TlsRefusal::TooOld(Some(TlsVersion::Tls10)),
            "it offers tls1.0 at best; a [[device]] with its address in networks and oldest_tls = \
            \"tls1.0\" lets it in",
        );
    }

    #[test]
    fn who_became_a_device_after_the_handshake_is_held_to_its_oldest_tls() {
        let device = DeviceSettings {
            oldest_tls: TlsVersion::Tls11,
            ..fixture::device("printers", &["192.168.10.0/24"])
        };
        let client =
            fixture::devices(vec![device], Vec::new()).identify("192.168.10.9".parse().unwrap());
        let refusal = client.permit_tls(Some(TlsVersion::Tls10)).unwrap_err().to_string();
        assert_eq!(
            refusal,
            "534 5.7.9 tls1.0 is too old: oldest_tls of device \"printers\" is \"tls1.1\""
        );
        for good in [None, Some(TlsVersion::Tls11), Some(TlsVersion::Tls13)] {
            assert!(client.permit_tls(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn what_is_older_than_tls_1_2_counts_as_plaintext() {
        let device = DeviceSettings {
            oldest_tls: TlsVersion::Ssl3,
            encryption: DeviceEncryption::Required,
            ..fixture::device("printers", &["192.168.10.0/24"])
        };
        let client =
            fixture::devices(vec![device], Vec::new()).identify("192.168.10.9".parse().unwrap());
        let refusal = |on| client.permit_tls(on).unwrap_err().to_string();
        let text =
            "530 5.7.0 use TLS 1.2 or newer: device \"printers\" has encryption = \"required\"";
        assert_eq!(refusal(None), text);
        assert_eq!(
            refusal(Some(TlsVersion::Ssl3)),
            format!("{text}, and ssl3 counts as plaintext")
        );
        assert_eq!(
            refusal(Some(TlsVersion::Tls11)),
            format!("{text}, and tls1.1 counts as plaintext")
        );
        assert!(client.permit_tls(Some(TlsVersion::Tls12)).is_ok());
    }
}
