//! What an answer of Microsoft Graph means: the rows of the table for the route over HTTPS.
//!
//! Graph answers with a status, a code and a message. The code decides, as far as there is one.

use std::time::Duration;

use crate::{
    classify::{
        place::Place,
        verdict::{
            Concern, Concurrency,
            Outcome::{self, Deliver, Doubt, Fail, Pause, Stop},
            Probe, Verdict,
        },
    },
    model::{EnhancedCode, Reply},
};

/// Where a message is handed over.
pub const SEND_MAIL: Place = Place::new("send_mail");

/// The longest wait that a server can impose on an account.
const PAUSE_LIMIT: Duration = Duration::from_secs(3600);
const MINUTE: Outcome = Pause(Duration::from_secs(60));
const HALF_HOUR: Outcome = Pause(Duration::from_secs(1800));

/// An answer of Graph.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct GraphAnswer {
    /// The HTTP status.
    pub status: u16,
    /// `error.code`, if there is a body in the documented form.
    pub code: String,
    /// `error.message`.
    pub message: String,
    /// `request-id`, by which Microsoft's support finds the request.
    pub request_id: String,
    /// `Retry-After`.
    pub retry_after: Option<Duration>,
}

/// An answer fits a row when status, code and message all do.
struct GraphRow {
    /// 0: any status.
    status: u16,
    /// Empty: any code, and none.
    code: &'static str,
    /// Empty: any message.
    says: &'static str,
    outcome: Outcome,
    concurrency: Concurrency,
    probe: Probe,
    /// For a notice to the sender (RFC 3463).
    enhanced: EnhancedCode,
    advice: &'static str,
}

const fn row(
    status: u16,
    code: &'static str,
    outcome: Outcome,
    enhanced: EnhancedCode,
    advice: &'static str,
) -> GraphRow {
    GraphRow {
        status,
        code,
        says: "",
        outcome,
        concurrency: Concurrency::Keep,
        probe: Probe::Message,
        enhanced,
        advice,
    }
}

const BUSY: &str = "Microsoft Graph is busy. Postroom tries again.";
const TOO_LARGE: &str = "The message is too large for Microsoft Graph in one request. Name an \
    account with route = \"submission\" in spill_to, and leave limits.message_size of this account \
    at its default, so that such a message goes there.";
const NO_MAILBOX: &str = "There is no such mailbox, or it is not in Exchange Online. Check the \
    account's address.";

static ROWS: &[GraphRow] = &[
    // Microsoft, "user: sendMail": 202 says that the request was accepted for processing.
    row(202, "", Deliver, EnhancedCode(2, 0, 0), "The server accepted the message."),
    // Seen by others: 200 without a message being sent. Only 202 is documented.
    row(
        200,
        "",
        Doubt,
        EnhancedCode(4, 4, 2),
        "Microsoft Graph did not say that it accepted the message. Postroom tries again.",
    ),
    row(
        400,
        "ErrorMimeContentInvalidBase64String",
        Fail,
        EnhancedCode(5, 6, 0),
        "Microsoft Graph could not read the message. Please report this as an error of Postroom.",
    ),
    row(
        0,
        "ErrorMessageSizeExceeded",
        Fail,
        EnhancedCode(5, 2, 3),
        "The message is larger than the mailbox may send. Lower the resolution on the device, or \
        raise the limit: Set-Mailbox -Identity <mailbox> -MaxSendSize 100MB.",
    ),
    GraphRow {
        says: "The maximum request length supported",
        ..row(0, "", Fail, EnhancedCode(5, 3, 4), TOO_LARGE)
    },
    row(413, "", Fail, EnhancedCode(5, 3, 4), TOO_LARGE),
    row(
        401,
        "",
        Stop,
        EnhancedCode(5, 7, 8),
        "Microsoft Graph refused the access token. Check that scope ends in \
        https://graph.microsoft.com/.default (the default of this route), and that tenant and \
        client_id are right.",
    ),
    row(
        0,
        "ErrorSendAsDenied",
        Fail,
        EnhancedCode(5, 7, 60),
        "The mailbox may not send as this sender. Set sender.rewrite = \"always\" for the account, \
        or allow it: Add-RecipientPermission -Identity <sender> -Trustee <mailbox> -AccessRights \
        SendAs.",
    ),
    row(
        403,
        "ErrorAccessDenied",
        Stop,
        EnhancedCode(5, 7, 1),
        "The application may not send from this mailbox. Add the application permission Mail.Send \
        of Microsoft Graph in the Entra admin center and grant admin consent. If an access policy \
        or a management scope limits the application, add the mailbox to it.",
    ),
    row(
        0,
        "ErrorAccountSuspend",
        Stop,
        EnhancedCode(5, 7, 1),
        "Microsoft has suspended the mailbox, usually because it sent too much. Remove the \
        restriction under Email & collaboration > Restricted entities in the Defender portal.",
    ),
    GraphRow {
        // By SMTP, Exchange throttles a mailbox that repeats this.
        probe: Probe::MessageOnceADay,
        ..row(
            0,
            "ErrorQuotaExceeded",
            Stop,
            EnhancedCode(4, 2, 2),
            "The mailbox is full. Delete mail from it, above all from Sent Items, or raise its \
            quota.",
        )
    },
    row(
        0,
        "ErrorSubmissionQuotaExceeded",
        HALF_HOUR,
        EnhancedCode(4, 5, 3),
        "The mailbox has used up its recipients of this day. Mail continues as they become free; \
        lower limits.recipients_per_day if others send from the mailbox, too.",
    ),
    row(
        0,
        "ErrorExceededMessageLimit",
        MINUTE,
        EnhancedCode(4, 5, 3),
        "The mailbox sent too many messages in a minute. Mail continues in a minute; lower \
        limits.messages_per_minute if others send from the mailbox, too.",
    ),
    row(404, "", Stop, EnhancedCode(5, 1, 1), NO_MAILBOX),
    row(0, "ErrorInvalidUser", Stop, EnhancedCode(5, 1, 1), NO_MAILBOX),
    row(0, "MailboxNotEnabledForRESTAPI", Stop, EnhancedCode(5, 1, 1), NO_MAILBOX),
    GraphRow {
        concurrency: Concurrency::Lower,
        ..row(
            429,
            "ApplicationThrottled",
            Pause(Duration::from_secs(10)),
            EnhancedCode(4, 3, 2),
            "The application has too many requests in progress. Mail continues with fewer at once; \
            lower limits.connections of the accounts that use it.",
        )
    },
    row(429, "", MINUTE, EnhancedCode(4, 3, 2), BUSY),
    row(503, "", MINUTE, EnhancedCode(4, 3, 2), BUSY),
];

/// Any other refusal of the request itself: Graph has not taken the message.
static REFUSED: GraphRow = row(
    0,
    "",
    Fail,
    EnhancedCode(5, 0, 0),
    "Microsoft Graph refused the message. Its answer gives the reason.",
);

/// Any other status. It is unknown whether the mail was sent: some went out despite a 504.
static UNCLEAR: GraphRow = row(
    0,
    "",
    Doubt,
    EnhancedCode(4, 4, 2),
    "Microsoft Graph did not say whether it accepted the message. Postroom tries again.",
);

impl GraphRow {
    fn fits(&self, answer: &GraphAnswer) -> bool {
        (self.status == 0 || self.status == answer.status)
            && (self.code.is_empty() || self.code.eq_ignore_ascii_case(&answer.code))
            && answer.message.contains(self.says)
    }
}

impl GraphAnswer {
    /// The answer in the form in which replies are kept and shown. Its code is 0, because it is not
    /// a reply of SMTP.
    #[must_use]
    pub fn reply(&self, enhanced: EnhancedCode) -> Reply {
        let Self { status, code, message, request_id, .. } = self;
        let mut text = format!("HTTP {status}");
        if !code.is_empty() {
            text = format!("{text} {code}: {message}");
        }
        if !request_id.is_empty() {
            text = format!("{text} (request-id {request_id})");
        }
        Reply::with(0, enhanced, &text)
    }

    /// What the answer to a message means.
    #[must_use]
    pub fn classify(&self) -> Verdict {
        let row = ROWS.iter().find(|row| row.fits(self)).unwrap_or(match self.status {
            400..=499 => &REFUSED,
            _unclear => &UNCLEAR,
        });
        let outcome = match (row.outcome, self.retry_after) {
            (Pause(_), Some(wanted)) => Pause(wanted.clamp(Duration::from_secs(1), PAUSE_LIMIT)),
            (outcome, _) => outcome,
        };
        let concern = if outcome.holds_account() { Concern::Account } else { Concern::Message };
        let reply = Some(self.reply(row.enhanced));
        let plain = Verdict::plain(SEND_MAIL, concern, outcome, reply, row.advice);
        Verdict { concurrency: row.concurrency, probe: row.probe, ..plain }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Concern::{Account, Message};

    fn answer(status: u16, code: &str, message: &str) -> GraphAnswer {
        let (code, message) = (code.to_owned(), message.to_owned());
        GraphAnswer { status, code, message, ..GraphAnswer::default() }
    }

    #[test]
    fn each_answer_has_its_outcome_and_words() {
        for (status, code, message, concern, outcome, advice) in [
            (202, "", "", Message, Deliver, "accepted"),
            (200, "", "", Message, Doubt, "did not say"),
            (400, "ErrorMimeContentInvalidBase64String", "", Message, Fail, "report"),
            (
                400,
                "BadRequest",
                "The maximum request length supported is 4MB.",
                Message,
                Fail,
                "spill_to",
            ),
            (413, "", "", Message, Fail, "spill_to"),
            (400, "ErrorMessageSizeExceeded", "", Message, Fail, "-MaxSendSize"),
            (401, "InvalidAuthenticationToken", "", Account, Stop, "scope"),
            (403, "ErrorAccessDenied", "", Account, Stop, "Mail.Send"),
            (403, "ErrorSendAsDenied", "", Message, Fail, "SendAs"),
            (403, "ErrorAccountSuspend", "", Account, Stop, "Restricted entities"),
            (403, "ErrorQuotaExceeded", "", Account, Stop, "full"),
            (429, "ErrorSubmissionQuotaExceeded", "", Account, HALF_HOUR, "recipients"),
            (429, "ErrorExceededMessageLimit", "", Account, MINUTE, "minute"),
            (404, "ErrorInvalidUser", "", Account, Stop, "address"),
            (429, "ApplicationThrottled", "", Account, Pause(Duration::from_secs(10)), "fewer"),
            (429, "", "", Account, MINUTE, "busy"),
            (503, "ServiceUnavailable", "", Account, MINUTE, "busy"),
            (400, "ErrorInvalidRecipients", "", Message, Fail, "refused"),
            (500, "", "", Message, Doubt, "did not say"),
            (504, "UnknownError", "", Message, Doubt, "did not say"),
            (302, "", "", Message, Doubt, "did not say"),
        ] {
            let verdict = answer(status, code, message).classify();
            assert_eq!((verdict.concern, verdict.outcome), (concern, outcome), "{status} {code}");
            assert!(verdict.advice.contains(advice), "{status} {code}: {}", verdict.advice);
        }
    }

    #[test]
    fn a_pause_lasts_as_long_as_the_server_asks_but_not_for_ever() {
        let paused = |seconds| {
            let retry_after = Some(Duration::from_secs(seconds));
            GraphAnswer { retry_after, ..answer(429, "ApplicationThrottled", "") }
                .classify()
                .outcome
        };
        assert_eq!(paused(150), Pause(Duration::from_secs(150)));
        assert_eq!(paused(0), Pause(Duration::from_secs(1)));
        assert_eq!(paused(1_000_000), Pause(PAUSE_LIMIT));
        let verdict = answer(429, "ApplicationThrottled", "").classify();
        assert_eq!(verdict.concurrency, Concurrency::Lower);
    }

    #[test]
    fn what_is_shown_names_the_request() {
        let answer = GraphAnswer {
            request_id: "6e9b".to_owned(),
            ..answer(403, "ErrorAccessDenied", "Access is denied.")
        };
        let reply = answer.classify().reply.unwrap();
        assert_eq!(reply.code, 0);
        assert_eq!(reply.text, "HTTP 403 ErrorAccessDenied: Access is denied. (request-id 6e9b)");
    }
}
