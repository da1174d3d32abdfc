//! CRAM-MD5 (RFC 2195). It needs the clear password, so it is offered only where the clear password
//! is kept.

use hmac::{Hmac, Mac as _};
use md5::Md5;
use subtle::ConstantTimeEq as _;

use crate::{model::Secret, smtp::auth::hex::hex};

/// Reads user and digest, the latter in lower case. The user name may contain blanks.
pub(super) fn parse(response: &str) -> Option<(String, String)> {
    let (user, digest) = response.trim_end().rsplit_once(' ')?;
    let digest = digest.to_ascii_lowercase();
    let is_digest = digest.len() == 32 && digest.bytes().all(|b| b.is_ascii_hexdigit());
    is_digest.then(|| (user.to_owned(), digest))
}

/// Whether `digest`, in lower-case hexadecimal, answers `challenge` with this password. The
/// comparison takes constant time.
#[must_use]
pub fn verify_cram_md5(challenge: &str, digest: &str, password: &Secret) -> bool {
    // HMAC takes keys of any length.
    let Ok(mac) = Hmac::<Md5>::new_from_slice(password.expose().as_bytes()) else { return false };
    let expected = hex(&mac.chain_update(challenge).finalize().into_bytes());
    expected.as_bytes().ct_eq(digest.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_2195_is_right_and_nothing_else_is() {
        let challenge = "<1896.697170952@postoffice.reston.mci.net>";
        let (user, digest) = parse("tim B913A602C7EDA7A495B4E6E7334D3890").unwrap();
        assert_eq!(user, "tim");
        let password = |text: &str| Secret::new(text.to_owned());
        assert!(verify_cram_md5(challenge, &digest, &password("tanstaaftanstaaf")));
        assert!(!verify_cram_md5(challenge, &digest, &password("tanstaaftanstaag")));
        assert!(!verify_cram_md5(
            "<1896.697170953@postoffice.reston.mci.net>",
            &digest,
            &password("tanstaaftanstaaf")
        ));
        assert!(!verify_cram_md5(challenge, "", &password("tanstaaftanstaaf")));
    }

    #[test]
    fn a_response_has_a_user_and_a_digest() {
        assert_eq!(parse("two words b913a602c7eda7a495b4e6e7334d3890").unwrap().0, "two words");
        assert_eq!(parse("tim b913"), None);
        assert_eq!(parse("b913a602c7eda7a495b4e6e7334d3890"), None);
    }
}
