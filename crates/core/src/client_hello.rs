//! What a ClientHello offers, read from the bytes before any TLS library sees them.
//!
//! Three forms occur: the record of TLS (RFC 8446 5.1, unchanged since SSL 3.0), possibly
//! fragmented; the hello of SSL 2.0 that offers something newer (RFC 5246 E.2), which devices of
//! before 2010 send; and no TLS at all. The code is pure: the caller keeps what it has read, asks
//! again when more has come, and passes everything to a library.

use crate::model::TlsVersion;

/// The largest hello that is read. Today's largest, with post-quantum key shares, have 2 KiB; RFC
/// 8446 4 allows 16 MiB.
pub const HELLO_LIMIT: usize = 16 * 1024;

/// What the first bytes of a client are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opening {
    /// There are too few octets to decide.
    Incomplete,
    /// Not TLS: an SMTP client that talks first.
    NoTls,
    /// TLS, but not a hello that we can read. A library may describe the error.
    Garbled,
    /// A complete hello.
    Hello(Offer),
}

/// What a hello offers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offer {
    /// The highest version; `None` means SSL 2.0 and nothing newer.
    pub highest: Option<TlsVersion>,
    /// The kind of ciphers that the client offers.
    pub ciphers: Ciphers,
}

/// Whether a hello of TLS 1.2 can be served with today's cryptography, which is all that rustls
/// has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ciphers {
    /// Ephemeral elliptic curves and authenticated encryption, or TLS 1.3.
    Modern,
    /// RSA key exchange or CBC only: printers of 2012 to 2018.
    Old,
}

/// RFC 8446 5.1: the record type "handshake".
const HANDSHAKE_RECORD: u8 = 22;
/// RFC 8446 4: the handshake type "client_hello"; SSL 2.0 has the same number.
const CLIENT_HELLO: u8 = 1;
/// RFC 8446 5.1: the longest fragment of a record, with room for the expansion that RFC 5246 6.2.3
/// allows.
const FRAGMENT_LIMIT: usize = (1 << 14) + 2048;

/// Reads the first bytes of a client.
pub fn read(octets: &[u8]) -> Opening {
    match octets.first() {
        None => Opening::Incomplete,
        Some(&HANDSHAKE_RECORD) => records(octets),
        // RFC 5246 E.2: a two-byte length with the top bit set.
        Some(&first) if first & 0x80 != 0 => ssl2(octets),
        Some(_) => Opening::NoTls,
    }
}

/// Gathers the handshake message from its records.
fn records(octets: &[u8]) -> Opening {
    let mut message = Vec::new();
    let mut rest = Reader(octets);
    loop {
        let Some((kind, major, _minor, length)) = rest.record_head() else {
            return unfinished(octets);
        };
        if kind != HANDSHAKE_RECORD || major != 3 || length == 0 || length > FRAGMENT_LIMIT {
            return Opening::Garbled;
        }
        let Some(fragment) = rest.take(length) else {
            // The part of the fragment that has arrived may already show that it is not a hello.
            return if message.is_empty() && rest.0.first().is_some_and(|kind| *kind != CLIENT_HELLO)
            {
                Opening::Garbled
            } else {
                unfinished(octets)
            };
        };
        message.extend_from_slice(fragment);
        let mut reader = Reader(&message);
        match (reader.octet(), reader.number(3)) {
            (Some(CLIENT_HELLO), Some(length)) if length > HELLO_LIMIT => return Opening::Garbled,
            (Some(CLIENT_HELLO), Some(length)) => {
                if let Some(body) = reader.take(length) {
                    return hello(body).map_or(Opening::Garbled, Opening::Hello);
                }
            }
            (Some(CLIENT_HELLO) | None, _) => {}
            (Some(_), _) => return Opening::Garbled,
        }
    }
}

fn unfinished(octets: &[u8]) -> Opening {
    if octets.len() < HELLO_LIMIT { Opening::Incomplete } else { Opening::Garbled }
}

/// RFC 8446 4.1.2, RFC 5246 7.4.1.2. `None` if it is incomplete.
fn hello(body: &[u8]) -> Option<Offer> {
    let mut reader = Reader(body);
    let legacy_version = reader.number(2)?;
    reader.take(32)?;
    reader.vector(1)?;
    let suites = reader.vector(2)?;
    reader.vector(1)?;
    // SSL 3.0 knows no extensions: then nothing follows.
    let mut extensions = Reader(if reader.0.is_empty() { &[] } else { reader.vector(2)? });
    let mut found = Extensions::default();
    while !extensions.0.is_empty() {
        let kind = extensions.number(2)?;
        found.note(kind, Reader(extensions.vector(2)?))?;
    }
    let highest = found.highest.or_else(|| version(legacy_version));
    let modern = highest >= Some(TlsVersion::Tls13)
        || (found.signatures && found.groups && numbers(suites).any(is_modern_suite));
    Some(Offer { highest, ciphers: if modern { Ciphers::Modern } else { Ciphers::Old } })
}

/// The parts of the extensions that matter for the choice of a library.
#[derive(Default)]
struct Extensions {
    highest: Option<TlsVersion>,
    signatures: bool,
    groups: bool,
}

impl Extensions {
    fn note(&mut self, kind: usize, mut content: Reader<'_>) -> Option<()> {
        match kind {
            // RFC 8446 4.2.1, supported_versions. Where it is present, the old version field says
            // nothing.
            43 => self.highest = numbers(content.vector(1)?).filter_map(version).max(),
            // RFC 8446 4.2.3, signature_algorithms: rustls signs with SHA-256 or better, and
            // requires that the client offers this.
            13 => {
                self.signatures =
                    numbers(content.vector(2)?).any(|scheme| MODERN_SIGNATURES.contains(&scheme));
            }
            // RFC 8446 4.2.7, supported_groups: x25519 and the curves of NIST.
            10 => {
                self.groups = numbers(content.vector(2)?)
                    .any(|group| [0x001d, 0x0017, 0x0018].contains(&group));
            }
            _ => {}
        }
        Some(())
    }
}

/// RFC 8446 4.2.3: PKCS#1 and PSS with an RSA key, SHA-256 to SHA-512.
const MODERN_SIGNATURES: [usize; 6] = [0x0401, 0x0501, 0x0601, 0x0804, 0x0805, 0x0806];

/// The suites of rustls for TLS 1.2 with an RSA certificate: ECDHE-RSA with AES-GCM (RFC 5289) or
/// ChaCha20 (RFC 7905).
const fn is_modern_suite(suite: usize) -> bool {
    matches!(suite, 0xc02f | 0xc030 | 0xcca8)
}

/// RFC 5246 E.2, with the body of SSL 2.0's CLIENT-HELLO.
fn ssl2(octets: &[u8]) -> Opening {
    let mut reader = Reader(octets);
    let Some(length) = reader.number(2).map(|length| length & 0x7fff) else {
        return Opening::Incomplete;
    };
    match reader.0.first() {
        None => return Opening::Incomplete,
        Some(&CLIENT_HELLO) => {}
        Some(_) => return Opening::NoTls,
    }
    if length > HELLO_LIMIT {
        return Opening::Garbled;
    }
    let Some(body) = reader.take(length) else {
        return Opening::Incomplete;
    };
    ssl2_hello(body).map_or(Opening::Garbled, Opening::Hello)
}

fn ssl2_hello(body: &[u8]) -> Option<Offer> {
    let mut reader = Reader(body);
    reader.octet()?;
    let version = version(reader.number(2)?);
    let (suites, session, challenge) = (reader.number(2)?, reader.number(2)?, reader.number(2)?);
    reader.take(suites)?;
    reader.take(session)?;
    reader.take(challenge)?;
    // This form has no extensions, and so neither TLS 1.3 nor curves.
    Some(Offer {
        highest: version.map(|version| version.min(TlsVersion::Tls12)),
        ciphers: Ciphers::Old,
    })
}

/// `None` for SSL 2.0, for GREASE (RFC 8701) and for unassigned numbers.
const fn version(number: usize) -> Option<TlsVersion> {
    match number {
        0x0300 => Some(TlsVersion::Ssl3),
        0x0301 => Some(TlsVersion::Tls10),
        0x0302 => Some(TlsVersion::Tls11),
        0x0303 => Some(TlsVersion::Tls12),
        // RFC 5246 E.1: a higher number than we know is answered with the highest that we know.
        0x0304..=0x03ff => Some(TlsVersion::Tls13),
        _ => None,
    }
}

fn numbers(vector: &[u8]) -> impl Iterator<Item = usize> {
    vector.chunks_exact(2).filter_map(|pair| Reader(pair).number(2))
}

/// Reads from the front. Each step may reach the end.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn octet(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    /// A number of up to four octets, most significant first.
    fn number(&mut self, octets: usize) -> Option<usize> {
        Some(self.take(octets)?.iter().fold(0, |number, octet| (number << 8) | usize::from(*octet)))
    }

    /// A vector preceded by its length (RFC 8446 3.4).
    fn vector(&mut self, length_octets: usize) -> Option<&'a [u8]> {
        let length = self.number(length_octets)?;
        self.take(length)
    }

    fn record_head(&mut self) -> Option<(u8, u8, u8, usize)> {
        Some((self.octet()?, self.octet()?, self.octet()?, self.number(2)?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A hello as a client would write it.
    fn body(version: u16, suites: &[u16], extensions: Option<&[(u16, Vec<u8>)]>) -> Vec<u8> {
        let mut body = version.to_be_bytes().to_vec();
        body.extend([7; 32]);
        body.push(0);
        body.extend(u16::try_from(suites.len() * 2).unwrap().to_be_bytes());
        suites.iter().for_each(|suite| body.extend(suite.to_be_bytes()));
        body.extend([1, 0]);
        if let Some(extensions) = extensions {
            let mut all = Vec::new();
            for (kind, content) in extensions {
                all.extend(kind.to_be_bytes());
                all.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
                all.extend(content);
            }
            body.extend(u16::try_from(all.len()).unwrap().to_be_bytes());
            body.extend(all);
        }
        body
    }

    fn message(body: &[u8]) -> Vec<u8> {
        let mut message = vec![CLIENT_HELLO, 0];
        message.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        message.extend(body);
        message
    }

    fn record(fragment: &[u8]) -> Vec<u8> {
        let mut record = vec![HANDSHAKE_RECORD, 3, 1];
        record.extend(u16::try_from(fragment.len()).unwrap().to_be_bytes());
        record.extend(fragment);
        record
    }

    fn ssl2_hello_of(version: u16) -> Vec<u8> {
        let mut body = vec![CLIENT_HELLO];
        body.extend(version.to_be_bytes());
        body.extend([0, 6, 0, 0, 0, 16, 0x00, 0x00, 0x2f, 0x01, 0x00, 0x80]);
        body.extend([9; 16]);
        let mut hello = (0x8000 | u16::try_from(body.len()).unwrap()).to_be_bytes().to_vec();
        hello.extend(body);
        hello
    }

    fn check(octets: &[u8], highest: Option<TlsVersion>, ciphers: Ciphers) {
        assert_eq!(read(octets), Opening::Hello(Offer { highest, ciphers }));
        for end in 0..octets.len() {
            assert_eq!(
                read(&octets[..end]),
                Opening::Incomplete,
                "of {} octets {end}",
                octets.len()
            );
        }
    }

    const AES_CBC: &[u16] = &[0x002f, 0x000a, 0x0005];
    const MODERN: &[u16] = &[0x002f, 0xc02f];

    fn modern_extensions() -> Vec<(u16, Vec<u8>)> {
        vec![(0, vec![0; 12]), (10, vec![0, 2, 0, 0x17]), (13, vec![0, 4, 2, 1, 4, 1])]
    }

    #[test]
    fn the_version_of_an_old_hello_is_in_its_version_field() {
        for (number, version) in
            [(0x0300, TlsVersion::Ssl3), (0x0301, TlsVersion::Tls10), (0x0302, TlsVersion::Tls11)]
        {
            check(&record(&message(&body(number, AES_CBC, None))), Some(version), Ciphers::Old);
        }
    }

    #[test]
    fn the_version_of_a_new_hello_is_in_its_extension() {
        let mut extensions = modern_extensions();
        extensions.push((43, vec![6, 0x1a, 0x1a, 3, 4, 3, 3]));
        check(
            &record(&message(&body(0x0303, MODERN, Some(&extensions)))),
            Some(TlsVersion::Tls13),
            Ciphers::Modern,
        );
        let extensions = [(43, vec![2, 3, 2])];
        check(
            &record(&message(&body(0x0303, AES_CBC, Some(&extensions)))),
            Some(TlsVersion::Tls11),
            Ciphers::Old,
        );
    }

    #[test]
    fn a_hello_of_tls_1_2_without_todays_ciphers_or_signatures_is_old() {
        let hello = |suites, extensions: &[(u16, Vec<u8>)]| {
            record(&message(&body(0x0303, suites, Some(extensions))))
        };
        check(&hello(MODERN, &modern_extensions()), Some(TlsVersion::Tls12), Ciphers::Modern);
        check(&hello(AES_CBC, &modern_extensions()), Some(TlsVersion::Tls12), Ciphers::Old);
        check(&hello(MODERN, &modern_extensions()[..2]), Some(TlsVersion::Tls12), Ciphers::Old);
        check(&hello(MODERN, &modern_extensions()[2..]), Some(TlsVersion::Tls12), Ciphers::Old);
        check(&hello(MODERN, &[]), Some(TlsVersion::Tls12), Ciphers::Old);
    }

    #[test]
    fn a_hello_in_many_records_is_read_as_one() {
        let whole = message(&body(0x0301, AES_CBC, None));
        let pieces: Vec<u8> = whole.chunks(3).flat_map(record).collect();
        check(&pieces, Some(TlsVersion::Tls10), Ciphers::Old);
    }

    #[test]
    fn an_ssl_2_hello_says_what_it_would_rather_speak() {
        check(&ssl2_hello_of(0x0300), Some(TlsVersion::Ssl3), Ciphers::Old);
        check(&ssl2_hello_of(0x0301), Some(TlsVersion::Tls10), Ciphers::Old);
        check(&ssl2_hello_of(0x0303), Some(TlsVersion::Tls12), Ciphers::Old);
        check(&ssl2_hello_of(0x0002), None, Ciphers::Old);
    }

    #[test]
    fn what_is_no_hello_is_told_apart_early() {
        assert_eq!(read(b"E"), Opening::NoTls);
        assert_eq!(read(b"EHLO printer\r\n"), Opening::NoTls);
        assert_eq!(read("éhlo".as_bytes()), Opening::NoTls);
        assert_eq!(read(&[22, 3, 1, 0, 4, 2]), Opening::Garbled);
        assert_eq!(read(&[22, 9, 1, 0, 4]), Opening::Garbled);
        assert_eq!(read(&[22, 3, 1, 0, 0]), Opening::Garbled);
        assert_eq!(read(&[22, 3, 1, 0xff, 0xff]), Opening::Garbled);
        assert_eq!(read(&record(&message(&[3, 3, 0]))), Opening::Garbled);
    }

    #[test]
    fn nobody_makes_us_read_on_for_ever() {
        let endless: Vec<u8> = std::iter::repeat_n(record(&[CLIENT_HELLO]), 1)
            .flatten()
            .chain(record(&[0, 0x3f, 0xff]))
            .collect();
        let mut octets = endless;
        while octets.len() < HELLO_LIMIT {
            assert_eq!(read(&octets), Opening::Incomplete);
            octets.extend(record(&[7; 100]));
        }
        assert_ne!(read(&octets), Opening::Incomplete);
        assert_eq!(read(&record(&[CLIENT_HELLO, 0xff, 0xff, 0xff])), Opening::Garbled);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..600)) {
            read(&octets);
        }

        #[test]
        fn no_broken_hello_makes_it_panic(
            place in 0_usize..200,
            octet: u8,
            fragment in 1_usize..90,
        ) {
            let mut extensions = modern_extensions();
            extensions.push((43, vec![4, 3, 4, 3, 3]));
            let whole = message(&body(0x0303, MODERN, Some(&extensions)));
            let mut octets: Vec<u8> = whole.chunks(fragment).flat_map(record).collect();
            if let Some(target) = octets.get_mut(place) {
                *target = octet;
            }
            read(&octets);
            let mut octets = ssl2_hello_of(0x0301);
            if let Some(target) = octets.get_mut(place) {
                *target = octet;
            }
            read(&octets);
        }
    }
}
