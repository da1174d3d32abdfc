//! Replies of Exchange Online from `MAIL FROM` on, as seen on the wire up to 2026. These rows come
//! before the generic ones because its codes alone mislead: 554 may mean a quota that frees itself,
//! and 451 a setting that never changes by itself.

use std::time::Duration;

use crate::classify::{
    row::Row,
    stage::Stage::{Data, EndOfData, MailFrom, RcptTo},
    verdict::Outcome::{self, Fail, NextTransaction, Pause, Retry, RetryAfter, Stop},
};

const fn pause(minutes: u64) -> Outcome {
    Pause(Duration::from_secs(60 * minutes))
}

/// The pause after too many connections: one of the three that submit is done in a few seconds.
const MOMENT: Outcome = Pause(Duration::from_secs(20));
/// The pause for a limit that is counted in hours.
const HOUR: Outcome = pause(60);

// The advice of several rows.
const DAY_USED_UP: &str = "The mailbox has reached its limit of 10,000 recipients in 24 hours. Its \
mail waits until the limit permits more. To send sooner, add a second account and name it in \
spill_to.";
const MAILBOX_FULL: &str = "The sending mailbox is full: its Sent Items folder keeps a copy of \
every message. Empty that folder and set a retention policy, or raise the limit: Set-Mailbox \
-Identity <mailbox> -ProhibitSendQuota <larger>. Then run: postroom account enable. Until then, \
Postroom tries once a day, because Microsoft throttles mailboxes that repeat this error.";
const SEND_AS: &str = "The mailbox is not allowed to send with this From address. Set \
sender.rewrite = \"when_not_allowed\" for the account, or allow it: Add-RecipientPermission \
-Identity <From address> -Trustee <mailbox> -AccessRights SendAs.";
const NEW_ADDRESS: &str = "Microsoft delays mail from this IP address because the address is new \
or its sending pattern has changed. The delays end after some days. An account with a connector or \
a login avoids them.";
const NO_RECIPIENT: &str =
    "The recipient does not exist in that organization. Correct the address on the device.";

pub(super) static ROWS: &[Row] = &[
    // --- the session has lasted, or idled, too long ---
    Row::new(
        "421 4.4.1",
        &["Connection timed out"],
        Retry,
        "The server ended a session that had lasted too long. Postroom sends the message in a new \
        session.",
    ),
    Row::new(
        "451 4.7.0",
        &["Timeout waiting for client input"],
        Retry,
        "The server ended a session that had been idle. Postroom sends the message in a new \
        session.",
    ),
    // --- too fast: the account rests for a moment ---
    Row::new(
        "4xx",
        &["rate for this client"],
        pause(1),
        "The mailbox has reached its limit of 30 messages a minute. Postroom continues in one \
        minute. If something else also sends with this mailbox, lower limits.messages_per_minute.",
    ),
    Row::new(
        "432",
        &["Concurrent connections", "sender thread limit"],
        MOMENT,
        "More than three connections submit mail for this mailbox at once. Postroom continues \
        after a short pause. Lower limits.connections, and find out what else sends with this \
        mailbox.",
    )
    .too_many_connections(),
    Row::new(
        "450",
        &["queue quota exceeded"],
        pause(5),
        "Your organization's queue at Microsoft is full. Mail waits until the queue has room. Look \
        for a mail loop or a flood in the message trace.",
    ),
    // --- the day's recipients are used up ---
    Row::new(
        "5xx",
        &[
            "SubmissionQuotaExceeded",
            "Submission quota exceeded",
            "daily limit for message \
            recipients",
        ],
        pause(30),
        DAY_USED_UP,
    ),
    Row::new("5xx 5.1.90", &[], pause(30), DAY_USED_UP),
    Row::new(
        "5xx 5.7.232-233",
        &[],
        HOUR,
        "Your organization has reached its limit of external recipients in 24 hours. Mail waits. \
        The Exchange admin center shows the limit under Reports, Tenant Outbound External \
        Recipients.",
    ),
    Row::new(
        "5xx 5.7.236",
        &[],
        HOUR,
        "An onmicrosoft.com address can send to only 100 external recipients in 24 hours. Send \
        from an address in your own domain: set the account's address and sender.",
    ),
    // --- the mailbox is throttled or blocked ---
    Row::new(
        "5xx",
        &["Sender throttled due to continuous"],
        HOUR,
        "Microsoft throttles the mailbox because the same error occurred repeatedly. The reply \
        names the error. Correct its cause. Microsoft's support cannot lift the throttling; it \
        ends by itself.",
    ),
    Row::new(
        "5xx",
        &["verdict is RefuseQuota", "verdict is Throttle"],
        HOUR,
        "Microsoft's outbound spam control throttles the mailbox because it sends too much. Mail \
        waits an hour. Raise the limits in the outbound spam policy \
        (security.microsoft.com/antispam), or send from more mailboxes.",
    ),
    Row::new(
        "5xx",
        &["OutboundSpamException"],
        Stop,
        "Microsoft has blocked the mailbox for spam. Find out what sent it, then unblock the \
        mailbox: security.microsoft.com/restrictedentities, or Remove-BlockedSenderAddress \
        -SenderAddress <mailbox>. Then run: postroom account enable.",
    )
    .punished(),
    Row::new(
        "5xx 5.1.8",
        &["bad outbound sender"],
        Stop,
        "Microsoft has blocked the mailbox for spam. Find out what sent it, then unblock the \
        mailbox: security.microsoft.com/restrictedentities, or Remove-BlockedSenderAddress \
        -SenderAddress <mailbox>. This takes hours to take effect. Then run: postroom account \
        enable.",
    )
    .punished(),
    Row::new(
        "5xx",
        &["MapiExceptionShutoffQuotaExceeded", "MapiExceptionQuotaExceeded"],
        Stop,
        MAILBOX_FULL,
    )
    .punished(),
    Row::new("5xx 5.2.2", &["STOREDRV.Submission"], Stop, MAILBOX_FULL).punished(),
    Row::new(
        "430",
        &["mailbox logon failure", "no rights on this session"],
        pause(30),
        "The login works, but the application is not allowed to open the mailbox. Allow it: \
        Add-MailboxPermission -Identity <mailbox> -User <service principal's object id> \
        -AccessRights FullAccess. The change takes up to an hour.",
    ),
    // --- this sender is not allowed ---
    Row::new(
        "5xx",
        &["SendAsDenied", "does not have permissions to send as this sender"],
        Fail,
        SEND_AS,
    )
    .for_all(),
    Row::new("5xx 5.7.60", &[], Fail, SEND_AS).for_all(),
    Row::new(
        "5xx 5.7.62",
        &[],
        Fail,
        "A High Volume Email account can send only from its own address. Set sender.rewrite = \
        \"always\" for the account.",
    )
    .for_all(),
    Row::new(
        "5xx 5.6.241",
        &[],
        Fail,
        "A High Volume Email account can use only its own address in the From field. Set \
        sender.rewrite = \"always\" for the account.",
    )
    .for_all(),
    Row::new(
        "5xx 5.2.240",
        &[],
        Stop,
        "This login is not a High Volume Email account. Use such an account (Exchange admin \
        center, Mail flow, High Volume Email), or set preset = \"office365\".",
    ),
    // The same throttling without its text. 5.2.252 alone also says SendAsDenied.
    Row::new(
        "5xx 5.2.251-255",
        &[],
        HOUR,
        "Microsoft throttles the mailbox because the same error occurred repeatedly. Find the \
        error in the log and correct its cause. Microsoft's support cannot lift the throttling; it \
        ends by itself.",
    ),
    Row::new(
        "5xx 5.7.240",
        &[],
        Stop,
        "The application is not allowed to use this High Volume Email account. Allow it: \
        Add-HVEAppAccess -Identity <account> -AppIds <client id>.",
    ),
    // --- the account as a whole is refused ---
    Row::new(
        "5xx 5.7.30",
        &[],
        Stop,
        "Microsoft no longer accepts passwords for this login. Use OAuth: auth = { method = \
        \"xoauth2\", ... }.",
    ),
    Row::new(
        "530 5.7.57",
        &[],
        Stop,
        "The server requires a login before it accepts mail, or its policy does not allow this \
        login to send. Set auth in the account. If auth is set, allow SMTP AUTH: Set-CASMailbox \
        -Identity <mailbox> -SmtpClientAuthenticationDisabled $false.",
    ),
    Row::new(
        "xxx",
        &["TLS 1.0 and 1.1 are not supported"],
        Stop,
        "The server says that the connection uses TLS 1.0 or 1.1. Postroom uses only TLS 1.2 and \
        1.3, so a device on the path intercepts the connection. Exempt this machine from the \
        firewall's TLS inspection.",
    ),
    Row::new(
        "5xx 5.7.64",
        &["ATTR36"],
        Stop,
        "Microsoft does not relay for this sender: its domain is not an accepted domain of your \
        organization, and the connector identifies this machine by IP address, not by certificate. \
        Rewrite the sender (sender.rewrite), add the domain in the Microsoft 365 admin center, or \
        use a certificate-based connector.",
    ),
    Row::new(
        "5xx 5.7.64",
        &[],
        Stop,
        "No inbound connector of your organization matches this machine. In the Exchange admin \
        center under Mail flow, Connectors, enter the public IP address that the server shows in \
        its reply to EHLO, or run: Set-InboundConnector -Identity <connector> -SenderIPAddresses \
        <address>.",
    ),
    Row::new(
        "5xx 5.7.68",
        &[],
        Stop,
        "Your organization refuses Direct Send. Use an account with a login or a connector, or \
        allow Direct Send: Set-OrganizationConfig -RejectDirectSend $false.",
    ),
    Row::new(
        "4xx",
        &["wrong Office 365 region"],
        Stop,
        "The account's host is the wrong server: another server holds this organization's mail. \
        Use the MX host shown in the Microsoft 365 admin center under Domains.",
    ),
    Row::new(
        "454",
        &["Failed to establish appropriate TLS channel"],
        Stop,
        "The connector requires TLS with a client certificate that Postroom did not present. Check \
        the connector's settings: Get-InboundConnector | Format-List RequireTls, \
        TlsSenderCertificateName.",
    ),
    // --- this machine's address is delayed or refused ---
    Row::new("4xx 4.7.500-699", &[], pause(10), NEW_ADDRESS),
    Row::new(
        "4xx 4.7.850-899",
        &[],
        pause(15),
        "Microsoft is still evaluating this IP address and delays its mail. The delays end after \
        some days. An account with a connector or a login avoids them.",
    ),
    Row::new(
        "4xx",
        &["Server busy. Please try again later from", "rate limited due to IP reputation"],
        pause(10),
        NEW_ADDRESS,
    ),
    Row::new(
        "421 4.3.2",
        &[],
        pause(1),
        "The server is restarting or too busy. Postroom continues in one minute.",
    ),
    Row::new(
        "5xx 5.7.506",
        &[],
        Stop,
        "The name that Postroom gives in EHLO belongs to the server. Set hostname to this \
        machine's name.",
    ),
    Row::new(
        "5xx 5.7.509",
        &[],
        Stop,
        "The DMARC policy of the sender's domain does not allow mail from this machine. Add the \
        machine's public IP address to the domain's SPF record, or use an account with a login.",
    ),
    Row::new(
        "5xx 5.7.511",
        &[],
        Stop,
        "Microsoft has banned this machine's IP address. Request its removal: forward the reply to \
        delist@microsoft.com.",
    ),
    Row::new(
        "5xx 5.7.600-699",
        &[],
        Stop,
        "Microsoft has banned this machine's IP address. Request its removal at sender.office.com, \
        or use an account with a login on port 587.",
    ),
    Row::new(
        "5xx",
        &["blocked using"],
        Stop,
        "This machine's IP address is on a block list, which the reply names. Request its removal \
        there (Spamhaus: check.spamhaus.org), or use an account with a login on port 587.",
    ),
    Row::new(
        "5xx 5.7.705",
        &[],
        Stop,
        "Microsoft has blocked your organization because it sent too much spam. Secure the \
        mailboxes that sent it, then ask Microsoft's support to lift the block.",
    ),
    Row::new(
        "5xx 5.7.708",
        &[],
        Stop,
        "Microsoft does not accept mail from this IP address for your organization, usually \
        because the organization is new. Ask Microsoft's support to lift the block.",
    ),
    Row::new(
        "5xx 5.7.711",
        &[],
        Stop,
        "Microsoft has blocked the inbound connector because it was misused or is configured \
        wrongly. Check it in the Exchange admin center under Mail flow, Connectors, then unblock \
        it at security.microsoft.com/restrictedentities.",
    ),
    Row::new(
        "5xx 5.7.750",
        &[],
        Stop,
        "Microsoft has blocked your organization because it sends from domains that it has not \
        registered. Add them in the Microsoft 365 admin center under Domains, or rewrite the \
        sender (sender.rewrite).",
    ),
    // --- this recipient ---
    Row::new(
        "4xx 4.5.3",
        &[],
        NextTransaction,
        "The server does not accept more recipients in one transaction. Postroom sends to the \
        others in the next transaction. To avoid this reply, lower limits.recipients_per_message.",
    )
    .at(&[RcptTo]),
    Row::new(
        "xxx 5.2.121-122",
        &[],
        RetryAfter(Duration::from_secs(60 * 60)),
        "The recipient has received as much mail as its limit permits in an hour. Postroom tries \
        again when the hour is over.",
    ),
    Row::new("5xx 5.4.1", &["Access denied"], Fail, NO_RECIPIENT),
    Row::new("5xx 5.1.10", &[], Fail, NO_RECIPIENT),
    Row::new(
        "5xx 5.7.12",
        &[],
        Fail,
        "The recipient accepts mail only from its own organization. Send with a login (route = \
        \"submission\"), which counts as internal, or allow external senders: \
        Set-DistributionGroup -Identity <group> -RequireSenderAuthenticationEnabled $false.",
    ),
    Row::new(
        "5xx 5.7.124",
        &[],
        Fail,
        "The group accepts mail only from certain senders. Add this one: Set-DistributionGroup \
        -Identity <group> -AcceptMessagesOnlyFrom @{Add='<sender>'}.",
    ),
    Row::new(
        "5xx 5.7.130-139",
        &[],
        Fail,
        "The recipient accepts mail only from its own organization. Send with a login (route = \
        \"submission\"), which counts as internal, or allow external senders: Set-Mailbox \
        -Identity <recipient> -RequireSenderAuthenticationEnabled $false.",
    ),
    Row::new(
        "5xx",
        &["RESOLVER.RST."],
        Fail,
        "The recipient accepts mail from certain senders or from its own organization only. Send \
        with a login (route = \"submission\"), which counts as internal, or allow external \
        senders for the recipient or group.",
    ),
    // --- this message ---
    Row::new(
        "5xx",
        &["MaxSubmissionExceeded"],
        Fail,
        "The message is larger than the mailbox is allowed to send (35 MB by default). Lower the \
        scan resolution on the device, or raise the limit: Set-Mailbox -Identity <mailbox> \
        -MaxSendSize 150MB.",
    )
    .for_all(),
    Row::new(
        "5xx",
        &["message/partial"],
        Fail,
        "The device splits large messages into parts, which Microsoft does not accept. Turn off \
        \"split\" or \"divide by size\" on the device.",
    )
    .for_all(),
    Row::new(
        "5xx 5.7.512",
        &[],
        Fail,
        "The message has no valid From field. Set from for the device; Postroom then adds the \
        field.",
    )
    .for_all(),
    Row::new(
        "5xx 5.1.20",
        &[],
        Fail,
        "The From field of the message has more than one address. Set from for the device; \
        Postroom then replaces them.",
    )
    .for_all(),
    Row::new(
        "4xx",
        &["failed to be replicated", "Insufficient system resources", "PRX"],
        Retry,
        "A Microsoft server has a problem. Postroom tries again. If this continues, see the \
        Microsoft 365 service health page.",
    )
    .at(&[MailFrom, RcptTo, Data, EndOfData]),
];
