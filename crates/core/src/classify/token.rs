//! Why there is no token, and what to do about it: one table of Entra's `AADSTS` codes.

use std::time::Duration;

use thiserror::Error;

/// Why there is no token.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{what}")]
pub struct TokenTrouble {
    /// What happened, in the server's words where it had any.
    pub what: String,
    /// What to do, for the administrator.
    pub advice: &'static str,
    /// Who can resolve it.
    pub remedy: Remedy,
}

/// Who can resolve it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Remedy {
    /// Time: ask again after this long.
    Wait(Duration),
    /// A person. Asking again changes nothing; Postroom does so from time to time in case the
    /// person has resolved it.
    Person,
}

/// How long to wait when the server does not say.
const PAUSE: Duration = Duration::from_secs(60);
const BUSY: &str = "The authorization server is busy. Postroom tries again; no action is needed.";
/// The longest wait that a server may impose with `Retry-After`.
const PAUSE_LIMIT: Duration = Duration::from_secs(3600);

/// The shortest wait, whatever the server says: a full queue must not become a flood of requests.
const PAUSE_FLOOR: Duration = Duration::from_secs(30);

/// Codes of temporary problems, after which Postroom asks again.
const PASSING: &[u32] = &[
    90_033, // A transient error occurred.
    90_025, // The request could not be finished in time.
    50_196, // The client asked for the same too often.
    90_100, // Device codes are polled too often.
];

/// What an `AADSTS` code means. Sources: Entra's list of authentication error codes; Exchange
/// Online's OAuth page.
const CODES: &[(u32, &str)] = &[
    (
        7_000_215,
        "The client secret is wrong. Often the secret's ID was copied instead of its value: create \
        a new secret under App registrations > Certificates & secrets, and store its Value.",
    ),
    (
        7_000_222,
        "The client secret has expired. Create a new one under App registrations > Certificates & \
        secrets, and store its Value in client_secret_file.",
    ),
    (
        700_016,
        "The application does not exist in this tenant. Check client_id (Application ID) and \
        tenant.",
    ),
    (
        90_002,
        "The tenant does not exist. Check tenant: it is the tenant's ID or one of its \
    domains.",
    ),
    (
        700_027,
        "The certificate of the assertion is not registered for the application. Upload it under \
        App registrations > Certificates & secrets > Certificates.",
    ),
    (
        50_027,
        "Entra refused the signed assertion. Check this machine's clock and the tenant, and check \
        that client_key belongs to client_certificate.",
    ),
    (
        65_001,
        "Nobody has consented to the application. Grant admin consent for the Exchange Online \
        permission SMTP.SendAsApp (or SMTP.Send).",
    ),
    (
        90_094,
        "An administrator must consent. Grant admin consent for the application in the Entra admin \
        center.",
    ),
    (28_000, "The scope mixes several resources. Leave scope at its default."),
    (
        70_011,
        "The scope is not valid. Leave scope at its default: the scope of an application ends in \
        /.default, and the scope of a person who signs in is https://outlook.office.com/SMTP.Send \
        offline_access.",
    ),
    (
        500_011,
        "The resource does not exist in this tenant. Check the cloud (preset), and check that \
        Exchange Online is licensed.",
    ),
    (
        700_082,
        "The sign-in has expired because it was not used for 90 days. Sign in again: postroom \
        account login NAME.",
    ),
    (
        50_173,
        "The sign-in was revoked, or the password was changed. Sign in again: postroom account \
        login NAME.",
    ),
    (
        50_076,
        "The account needs multi-factor authentication. Sign in again: postroom account login \
        NAME.",
    ),
    (
        50_079,
        "The account must register for multi-factor authentication. Register in a browser, then \
        run: postroom account login NAME.",
    ),
    (
        53_003,
        "Conditional Access blocks this sign-in. Exclude the mailbox or this application from the \
        policy, or use client credentials.",
    ),
    (50_034, "The user does not exist in this tenant. Check the account's address."),
    (50_057, "The user account is disabled. Enable it in the Entra admin center."),
    (50_126, "The user name or password is wrong. Sign in again: postroom account login NAME."),
    (
        50_053,
        "The account is locked after too many failed sign-ins. Wait, or unlock it in the Entra \
        admin center, then run: postroom account login NAME.",
    ),
    (
        50_055,
        "The password has expired. Change it in a browser, then sign in again: postroom account \
        login NAME.",
    ),
    (
        50_105,
        "The mailbox's user is not assigned to the application. Assign it under Enterprise \
        applications > Users and groups.",
    ),
    (
        50_158,
        "Conditional Access requires a further step. Sign in again: postroom account login NAME.",
    ),
    (70_008, "The sign-in or code has expired. Sign in again: postroom account login NAME."),
    (
        70_043,
        "A Conditional Access policy limits how long a sign-in lasts. Sign in again: postroom \
        account login NAME, or use client credentials.",
    ),
    (
        700_024,
        "The signed assertion is not valid at this time. Correct this machine's clock, and check \
        that it is synchronised.",
    ),
    (
        700_003,
        "The device of the sign-in was deleted or disabled. Sign in again: postroom account login \
        NAME.",
    ),
    (
        900_023,
        "The tenant's name is not valid. Check tenant: it is the tenant's ID or one of its \
    domains.",
    ),
    (1_002_012, "An application's scope must end in /.default. Leave scope at its default."),
    (
        7_000_112,
        "The application is disabled. Enable it under Enterprise applications > Properties.",
    ),
    (
        7_000_229,
        "The application has no service principal in this tenant. Grant admin consent; this \
        creates it.",
    ),
    (
        650_052,
        "The tenant does not have Exchange Online. Check tenant, and check that Exchange Online is \
        licensed.",
    ),
    (
        650_057,
        "The application does not list the permission. Add SMTP.SendAsApp (or SMTP.Send) under App \
        registrations > API permissions.",
    ),
    (
        7_000_218,
        "The application does not allow public client flows. Turn them on under App registrations \
        > Authentication.",
    ),
];

impl TokenTrouble {
    /// From the error response of a token endpoint (RFC 6749 5.2).
    #[must_use]
    pub fn from_response(error: &str, description: &str) -> Self {
        let what = if description.is_empty() { error.to_owned() } else { first_line(description) };
        if code_in(description).is_some_and(|code| PASSING.contains(&code)) {
            return Self { what, advice: BUSY, remedy: Remedy::Wait(PAUSE) };
        }
        if let Some((_, advice)) =
            code_in(description).and_then(|code| CODES.iter().find(|(known, _)| *known == code))
        {
            return Self { what, advice, remedy: Remedy::Person };
        }
        let (advice, remedy) = match error {
            "temporarily_unavailable" | "server_error" | "slow_down" => (BUSY, Remedy::Wait(PAUSE)),
            "invalid_client" => (
                "The application could not prove its identity. Check client_id and its secret or \
                certificate.",
                Remedy::Person,
            ),
            "invalid_grant" => (
                "The sign-in is no longer valid. Sign in again: postroom account login NAME.",
                Remedy::Person,
            ),
            "invalid_scope" => {
                ("The scope is not valid. Leave scope at its default.", Remedy::Person)
            }
            "unauthorized_client" | "access_denied" => (
                "The application does not have permission for this. Check its permissions and the \
                admin consent.",
                Remedy::Person,
            ),
            _ => (
                "The authorization server refused the request. Its reply gives the reason.",
                Remedy::Person,
            ),
        };
        Self { what, advice, remedy }
    }

    /// The server could not be reached, or its answer was meaningless.
    #[must_use]
    pub fn unreachable(what: String) -> Self {
        let advice = "The authorization server cannot be reached. Check DNS, the path to it on \
        port 443, and any proxy on the path.";
        Self { what, advice, remedy: Remedy::Wait(PAUSE) }
    }

    /// The server answered 429 or 5yz, perhaps with a `Retry-After`.
    #[must_use]
    pub fn busy(status: u16, retry_after: Option<Duration>) -> Self {
        let pause = retry_after.unwrap_or(PAUSE).clamp(PAUSE_FLOOR, PAUSE_LIMIT);
        let what = format!("the authorization server answered with HTTP {status}");
        Self { what, advice: BUSY, remedy: Remedy::Wait(pause) }
    }

    /// A file of our own is missing or unreadable.
    #[must_use]
    pub fn ours(what: String, advice: &'static str) -> Self {
        Self { what, advice, remedy: Remedy::Person }
    }
}

/// The number after `AADSTS`.
fn code_in(description: &str) -> Option<u32> {
    let (_, rest) = description.split_once("AADSTS")?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

/// Entra appends trace ids, correlation ids and times in further lines.
fn first_line(description: &str) -> String {
    let line = description.lines().next().unwrap_or_default();
    let line = line.split(" Trace ID:").next().unwrap_or(line).trim();
    line.chars().filter(|c| !c.is_control()).take(500).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: &str, description: &str, advice_has: &str, remedy: Remedy) {
        let trouble = TokenTrouble::from_response(error, description);
        assert!(trouble.advice.contains(advice_has), "{}", trouble.advice);
        assert_eq!(trouble.remedy, remedy);
    }

    #[test]
    fn entras_codes_say_what_to_do() {
        check(
            "invalid_client",
            "AADSTS7000215: Invalid client secret provided. Ensure …",
            "Value",
            Remedy::Person,
        );
        check(
            "invalid_client",
            "AADSTS7000222: The provided client secret keys are expired.",
            "expired",
            Remedy::Person,
        );
        check(
            "unauthorized_client",
            "AADSTS700016: Application with identifier 'x' was not found",
            "client_id",
            Remedy::Person,
        );
        check(
            "invalid_grant",
            "AADSTS50173: The provided grant has expired due to it being revoked",
            "account login",
            Remedy::Person,
        );
        check(
            "invalid_grant",
            "AADSTS53003: Access has been blocked by Conditional Access policies.",
            "Conditional Access",
            Remedy::Person,
        );
        check(
            "invalid_scope",
            "AADSTS70011: The provided request must include a 'scope' input parameter.",
            "SMTP.Send",
            Remedy::Person,
        );
        check(
            "invalid_client",
            "AADSTS700027: Client assertion contains an invalid signature.",
            "certificate",
            Remedy::Person,
        );
    }

    #[test]
    fn an_unknown_code_falls_back_to_the_standards_error() {
        check("invalid_grant", "AADSTS1: something new", "Sign in again", Remedy::Person);
        check("temporarily_unavailable", "", "no action is needed", Remedy::Wait(PAUSE));
        check("anything", "", "Its reply", Remedy::Person);
        check(
            "invalid_grant",
            "AADSTS90033: A transient error has occurred. Please try again.",
            "no action is needed",
            Remedy::Wait(PAUSE),
        );
    }

    #[test]
    fn no_code_is_listed_twice() {
        let mut codes: Vec<u32> = CODES.iter().map(|(code, _)| *code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), CODES.len());
    }

    #[test]
    fn trace_ids_are_cut_off() {
        let trouble = TokenTrouble::from_response(
            "invalid_client",
            "AADSTS7000215: Invalid client secret. Trace ID: 1-2 Correlation ID: 3\r\nTimestamp: \
            now",
        );
        assert_eq!(trouble.what, "AADSTS7000215: Invalid client secret.");
    }

    #[test]
    fn a_server_cannot_impose_an_endless_wait() {
        assert_eq!(
            TokenTrouble::busy(429, Some(Duration::from_secs(1_000_000))).remedy,
            Remedy::Wait(PAUSE_LIMIT)
        );
        assert_eq!(TokenTrouble::busy(503, None).remedy, Remedy::Wait(PAUSE));
        assert_eq!(
            TokenTrouble::busy(429, Some(Duration::ZERO)).remedy,
            Remedy::Wait(PAUSE_FLOOR),
            "nor a flood"
        );
    }
}
