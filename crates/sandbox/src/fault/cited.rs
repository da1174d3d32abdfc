//! Texts of Exchange Online's replies that several places of the sandbox use.
//!
//! The texts follow Microsoft's documentation and public logs of 2018 to 2026. `{fe}` is the suffix
//! of the front end server, `{host}` its short form, and `{store}` the suffix of the mailbox
//! server. `{ip}`, `{user}` and `{from}` are what their names say.

pub(crate) const CONCURRENT: &str = "432 4.3.2 Concurrent connections limit exceeded. Visit \
    https://aka.ms/concurrent_sending for more information. {store}";
pub(crate) const RECIPIENT_QUOTA: &str = "554 5.2.0 \
    STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message due \
    to a permanent exception with message The message can't be submitted because the sender's \
    submission quota was exceeded. {store}";
pub(crate) const SEND_AS_DENIED: &str = "554 5.2.252 SendAsDenied; {user} not allowed to send as \
    {from}; STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed \
    to process message due to a permanent exception with message [BeginDiagnosticData]Cannot \
    submit message. 0.35250:0A000000, 1.36674:0A000000[EndDiagnosticData] {store}";
pub(crate) const MAILBOX_FULL: &str = "554 5.2.2 mailbox full; \
    STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded {store}";
pub(crate) const OUTBOUND_SPAM: &str = "554 5.2.0 \
    STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message due to a \
    permanent exception with message [BeginDiagnosticData]WASCL UserAction verdict is not None. \
    Actual verdict is Suspend, ShowTierUpgrade. OutboundSpamException: WASCL UserAction verdict is \
    not None.[EndDiagnosticData] {store}";
pub(crate) const TOO_LARGE_FOR_MAILBOX: &str = "554 5.2.3 \
    STOREDRV.Submission.Exception:MessageSubmissionExceededException.MapiExceptionMaxSubmissionExceeded; \
    Message size exceeds maximum size limit.; \
    STOREDRV.Submission.Exception:MessageSubmissionExceededException.MapiExceptionMaxSubmissionExceeded; \
    Failed to process message due to a permanent exception with message \
    [BeginDiagnosticData]Cannot save changes made to an item to store.[EndDiagnosticData] {store}";
pub(crate) const TOO_LARGE: &str = "552 5.3.4 Message size exceeds fixed maximum message size";
pub(crate) const NO_FULL_ACCESS: &str = "430 4.2.0 STOREDRV; mailbox logon failure; \
    STOREDRV.Storage.Exception:ConnectionFailedPermanentException.MapiExceptionLogonFailed; \
    AuthenticationContext has no rights on this session {store}";
pub(crate) const RATE: &str =
    "421 4.4.2 Message submission rate for this client has exceeded the configured limit";
pub(crate) const SMTP_AUTH_TENANT: &str = "535 5.7.139 Authentication unsuccessful, \
    SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled \
    for more information. {fe}";
pub(crate) const SMTP_AUTH_MAILBOX: &str = "535 5.7.139 Authentication unsuccessful, \
    SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled \
    for more information. {fe}";
pub(crate) const BASIC_DISABLED: &str =
    "535 5.7.139 Authentication unsuccessful, basic authentication is disabled. {fe}";
pub(crate) const BASIC_RETIRED: &str =
    "550 5.7.30 Basic authentication is not supported for Client Submission. {fe}";
pub(crate) const WRONG_PASSWORD: &str =
    "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect. {fe}";
pub(crate) const AUTH_FAILED: &str = "535 5.7.3 Authentication unsuccessful {fe}";
pub(crate) const NOT_AUTHENTICATED: &str = "530 5.7.57 Client not authenticated to send mail. {fe}";
pub(crate) const TOO_MANY_ERRORS: &str =
    "421 4.7.0 Too many errors on this connection, closing transmission channel";
pub(crate) const TOO_MANY_RECIPIENTS: &str = "452 4.5.3 Too many recipients";
pub(crate) const DIRECT_SEND_OFF: &str = "550 5.7.68 TenantInboundAttribution; Direct Send not \
    allowed for this organization from unauthorized sources {host}";
pub(crate) const RELAY_DENIED: &str = "550 5.7.64 TenantAttribution; Relay Access Denied {host}";
pub(crate) const ATTR36: &str = "550 5.7.64 Relay Access Denied ATTR36 {host}";
pub(crate) const PARTIAL: &str = "554 5.6.1 Messages of type message/partial are not supported";
pub(crate) const BARE_LINE_FEEDS: &str =
    "554 5.6.0 Invalid message content; message contains bare linefeeds {store}";
pub(crate) const NO_FROM: &str =
    "550 5.7.512 Access denied, message must be RFC 5322 section 3.6.2 compliant {store}";
pub(crate) const MULTIPLE_FROM: &str = "550 5.1.20 Multiple From addresses {store}";
pub(crate) const THROTTLED_MAILBOX_FULL: &str =
    "550 5.2.251 Sender throttled due to continuous mailbox full errors. {store}";
pub(crate) const THROTTLED_SEND_AS: &str =
    "550 5.2.252 Sender throttled due to continuous send as denied errors. {store}";
pub(crate) const THROTTLED_RECIPIENTS: &str =
    "550 5.2.254 Sender throttled due to continuous too many recipients errors. {store}";
pub(crate) const THROTTLED_INVALID: &str =
    "550 5.2.255 Sender throttled due to continuous invalid recipients errors. {store}";
