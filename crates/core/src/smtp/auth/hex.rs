//! Octets in hexadecimal, as CRAM-MD5 and DIGEST-MD5 write them.

/// Two lower-case digits for each octet.
pub(super) fn hex(octets: &[u8]) -> String {
    octets
        .iter()
        .flat_map(|octet| [octet >> 4, octet & 15])
        .map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0'))
        .collect()
}
