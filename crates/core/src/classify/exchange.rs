//! What Exchange Online says of mail, as seen on the wire up to 2026. Before the generic rows,
//! since its codes alone mislead: 554 may be a quota that frees itself, 451 a setting that never
//! heals.

use std::time::Duration;

use crate::classify::{
    row::Row,
    stage::Stage::{Data, EndOfData, MailFrom, RcptTo},
    verdict::Outcome::{self, Fail, NextTransaction, Pause, Retry, RetryAfter, Stop},
};

const fn pause(minutes: u64) -> Outcome {
    Pause(Duration::from_secs(60 * minutes))
}

/// Three connections submit at once; one of them is done in a few seconds.
const MOMENT: Outcome = Pause(Duration::from_secs(20));
/// What counts in hours is asked about in hours.
const HOUR: Outcome = pause(60);

// Advice that several rows give.
const DAY_USED_UP: &str = "\
    The mailbox has reached its 10,000 recipients of the last 24 hours. Mail waits until the \
    window frees; add a second account and name it in spill_to.";
const MAILBOX_FULL: &str = "\
    The sending mailbox is full: a copy of everything goes into its Sent Items. Empty them, and \
    set a retention policy; or Set-Mailbox -Identity <mailbox> -ProhibitSendQuota <more>. Then: \
    postroom account enable. Without that it is tried once a day, since Microsoft throttles \
    mailboxes that repeat this.";
const SEND_AS: &str = "\
    The mailbox may not send with this From address. Set sender.rewrite = \"when_not_allowed\" \
    for the account, or allow it: Add-RecipientPermission -Identity <From address> -Trustee \
    <mailbox> -AccessRights SendAs.";
const NEW_ADDRESS: &str = "\
    Microsoft holds mail from this address back, because it is new or its pattern has changed. \
    It settles over days; a connector or a login avoids it.";
const NO_RECIPIENT: &str =
    "There is no such recipient in that organization. Correct the address on the device.";

pub(super) static ROWS: &[Row] = &[
    // --- the session has lasted, or idled, too long ---
    Row::new(
        "421 4.4.1",
        &["Connection timed out"],
        Retry,
        "The server ended a session that had lasted too long. The message goes out over a new one.",
    ),
    Row::new(
        "451 4.7.0",
        &["Timeout waiting for client input"],
        Retry,
        "The server ended a session that had been idle. The message goes out over a new one.",
    ),
    // --- too fast: the account rests for a moment ---
    Row::new(
        "4xx",
        &["rate for this client"],
        pause(1),
        "The mailbox has sent its 30 messages of this minute. Mail goes on in a minute; lower \
        limits.messages_per_minute if others send with it, too.",
    ),
    Row::new(
        "432",
        &["Concurrent connections", "sender thread limit"],
        MOMENT,
        "More than three connections submit for this mailbox at once. Mail goes on in a moment; \
        lower limits.connections, and find out who else sends with this mailbox.",
    )
    .too_many_connections(),
    Row::new(
        "450",
        &["queue quota exceeded"],
        pause(5),
        "The queue of your organization at Microsoft is full. Mail waits until it has drained; \
        look for a mail loop or a flood in the message trace.",
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
        "Your organization has reached its limit of external recipients for 24 hours. Mail waits; \
        see the tenant's limit in the Exchange admin center under Reports, Tenant Outbound \
        External Recipients.",
    ),
    Row::new(
        "5xx 5.7.236",
        &[],
        HOUR,
        "Mail from an onmicrosoft.com address may go to 100 external recipients in 24 hours only. \
        Send from an address of your own domain: address and sender of the account.",
    ),
    // --- the mailbox is being punished, or blocked ---
    Row::new(
        "5xx",
        &["Sender throttled due to continuous"],
        HOUR,
        "Microsoft holds the mailbox back because the same error came again and again; its words \
        name the error. Find and mend the cause; Microsoft's support cannot lift this, it ends by \
        itself.",
    ),
    Row::new(
        "5xx",
        &["verdict is RefuseQuota", "verdict is Throttle"],
        HOUR,
        "Microsoft's outbound spam control holds the mailbox back because it sends too much. Mail \
        waits an hour; raise the limits in the outbound spam policy \
        (security.microsoft.com/antispam), or send from more mailboxes.",
    ),
    Row::new(
        "5xx",
        &["OutboundSpamException"],
        Stop,
        "Microsoft has blocked the mailbox for spam. Find out what sent it, then unblock the \
        mailbox: security.microsoft.com/restrictedentities, or Remove-BlockedSenderAddress \
        -SenderAddress <mailbox>. Then: postroom account enable.",
    )
    .punished(),
    Row::new(
        "5xx 5.1.8",
        &["bad outbound sender"],
        Stop,
        "Microsoft has blocked the mailbox for spam. Find out what sent it, then unblock the \
        mailbox: security.microsoft.com/restrictedentities, or Remove-BlockedSenderAddress \
        -SenderAddress <mailbox>. It takes hours. Then: postroom account enable.",
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
        "The login works, but the application may not open the mailbox. Add-MailboxPermission \
        -Identity <mailbox> -User <service principal's object id> -AccessRights FullAccess; it \
        takes up to an hour.",
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
        "A High Volume Email account may send from its own address only. Set sender.rewrite = \
        \"always\" for the account.",
    )
    .for_all(),
    Row::new(
        "5xx 5.6.241",
        &[],
        Fail,
        "A High Volume Email account may have its own address only in From. Set sender.rewrite = \
        \"always\" for the account.",
    )
    .for_all(),
    Row::new(
        "5xx 5.2.240",
        &[],
        Stop,
        "This login is no High Volume Email account. Use one (Exchange admin center, Mail flow, \
        High Volume Email), or preset = \"office365\".",
    ),
    // The same punishments without their words; 5.2.252 alone says SendAsDenied, too.
    Row::new(
        "5xx 5.2.251-255",
        &[],
        HOUR,
        "Microsoft holds the mailbox back because the same error came again and again. Find and \
        mend the cause; Microsoft's support cannot lift this, it ends by itself.",
    ),
    Row::new(
        "5xx 5.7.240",
        &[],
        Stop,
        "The application may not use this High Volume Email account. Allow it: Add-HVEAppAccess \
        -Identity <account> -AppIds <client id>.",
    ),
    // --- the account as a whole is refused ---
    Row::new(
        "5xx 5.7.30",
        &[],
        Stop,
        "Microsoft no longer takes passwords here. Use OAuth: auth = { method = \"xoauth2\", ... \
        }.",
    ),
    Row::new(
        "530 5.7.57",
        &[],
        Stop,
        "The server wants a login before mail, or its policy does not let this login send. Set \
        auth in the account; if it is set, allow SMTP AUTH: Set-CASMailbox -Identity <mailbox> \
        -SmtpClientAuthenticationDisabled $false.",
    ),
    Row::new(
        "xxx",
        &["TLS 1.0 and 1.1 are not supported"],
        Stop,
        "The server says that the connection uses TLS 1.0 or 1.1. Postroom speaks 1.2 and 1.3 \
        only, so something in between opens the connection: exempt this machine from the \
        firewall's TLS inspection.",
    ),
    Row::new(
        "5xx 5.7.64",
        &["ATTR36"],
        Stop,
        "Microsoft does not relay for this sender: its domain is no accepted domain of your \
        organization, and the connector goes by address, not by certificate. Rewrite the sender \
        (sender.rewrite), add the domain in the Microsoft 365 admin center, or use a \
        certificate-based connector.",
    ),
    Row::new(
        "5xx 5.7.64",
        &[],
        Stop,
        "No inbound connector of your organization fits this machine. In the Exchange admin center \
        under Mail flow, Connectors, enter the public address that the server shows in its answer \
        to EHLO, or Set-InboundConnector -Identity <connector> -SenderIPAddresses <address>.",
    ),
    Row::new(
        "5xx 5.7.68",
        &[],
        Stop,
        "Your organization refuses Direct Send. Use an account with a login or a connector; or \
        allow it: Set-OrganizationConfig -RejectDirectSend $false.",
    ),
    Row::new(
        "4xx",
        &["wrong Office 365 region"],
        Stop,
        "Host names the wrong server: this organization's mail is elsewhere. Use the MX host shown \
        in the Microsoft 365 admin center under Domains.",
    ),
    Row::new(
        "454",
        &["Failed to establish appropriate TLS channel"],
        Stop,
        "The connector wants TLS with a certificate that we did not show. Check its settings: \
        Get-InboundConnector | Format-List RequireTls, TlsSenderCertificateName.",
    ),
    // --- this machine's address is held back, or refused ---
    Row::new("4xx 4.7.500-699", &[], pause(10), NEW_ADDRESS),
    Row::new(
        "4xx 4.7.850-899",
        &[],
        pause(15),
        "Microsoft is still judging this address and holds its mail back. It settles over days; a \
        connector or a login avoids it.",
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
        "The server is being restarted or is too busy. Mail goes on in a minute.",
    ),
    Row::new(
        "5xx 5.7.506",
        &[],
        Stop,
        "The name we call ourselves is one of the server's own. Set hostname to a name of this \
        machine.",
    ),
    Row::new(
        "5xx 5.7.509",
        &[],
        Stop,
        "The sender's domain does not vouch for this machine (DMARC). Add its public address to \
        the domain's SPF record, or send with a login.",
    ),
    Row::new(
        "5xx 5.7.511",
        &[],
        Stop,
        "Microsoft has banned this address. Ask for its removal as the server's words say: forward \
        them to delist@microsoft.com.",
    ),
    Row::new(
        "5xx 5.7.600-699",
        &[],
        Stop,
        "Microsoft has banned this address. Ask for its removal: sender.office.com; or send with a \
        login on port 587.",
    ),
    Row::new(
        "5xx",
        &["blocked using"],
        Stop,
        "This address is on a block list, which the server's words name. Look it up there and ask \
        for its removal (Spamhaus: check.spamhaus.org); or send with a login on port 587.",
    ),
    Row::new(
        "5xx 5.7.705",
        &[],
        Stop,
        "Microsoft has blocked your organization for sending too much spam. Secure the mailboxes \
        that sent it, then ask Microsoft's support to lift the block.",
    ),
    Row::new(
        "5xx 5.7.708",
        &[],
        Stop,
        "Microsoft takes no mail from this address for your organization, as a rule since it is \
        new. Ask Microsoft's support to lift the block.",
    ),
    Row::new(
        "5xx 5.7.711",
        &[],
        Stop,
        "The inbound connector has been misused or is set up badly, and is blocked. Check it in \
        the Exchange admin center under Mail flow, Connectors; unblock it at \
        security.microsoft.com/restrictedentities.",
    ),
    Row::new(
        "5xx 5.7.750",
        &[],
        Stop,
        "Your organization sends from domains that are not registered with it, and is blocked. Add \
        them in the Microsoft 365 admin center under Domains, or rewrite the sender \
        (sender.rewrite).",
    ),
    // --- this recipient ---
    Row::new(
        "4xx 4.5.3",
        &[],
        NextTransaction,
        "The server takes no more recipients in one transaction; the others follow in the next. \
        Lower limits.recipients_per_message to avoid it.",
    )
    .at(&[RcptTo]),
    Row::new(
        "xxx 5.2.121-122",
        &[],
        RetryAfter(Duration::from_secs(60 * 60)),
        "The recipient has got as much mail as it may in an hour. It is tried again when the hour \
        is over.",
    ),
    Row::new("5xx 5.4.1", &["Access denied"], Fail, NO_RECIPIENT),
    Row::new("5xx 5.1.10", &[], Fail, NO_RECIPIENT),
    Row::new(
        "5xx 5.7.12",
        &[],
        Fail,
        "The recipient takes mail from its own organization only. Send with a login (route = \
        \"submission\"), which counts as inside, or allow outside senders: Set-DistributionGroup \
        -Identity <group> -RequireSenderAuthenticationEnabled $false.",
    ),
    Row::new(
        "5xx 5.7.124",
        &[],
        Fail,
        "The group takes mail from certain senders only. Add this one: Set-DistributionGroup \
        -Identity <group> -AcceptMessagesOnlyFrom @{Add='<sender>'}.",
    ),
    Row::new(
        "5xx 5.7.130-139",
        &[],
        Fail,
        "The recipient takes mail from its own organization only. Send with a login (route = \
        \"submission\"), which counts as inside, or allow outside senders: Set-Mailbox -Identity \
        <recipient> -RequireSenderAuthenticationEnabled $false.",
    ),
    // --- this message ---
    Row::new(
        "5xx",
        &["MaxSubmissionExceeded"],
        Fail,
        "The message is larger than the mailbox may send (35 MB, unless it was changed). Lower the \
        resolution on the device, or Set-Mailbox -Identity <mailbox> -MaxSendSize 150MB.",
    )
    .for_all(),
    Row::new(
        "5xx",
        &["message/partial"],
        Fail,
        "The device splits large mail into parts, which Microsoft does not take. Switch \"split\" \
        or \"divide by size\" off on the device.",
    )
    .for_all(),
    Row::new(
        "5xx 5.7.512",
        &[],
        Fail,
        "The message has no valid From field. Set from for the device, which adds one.",
    )
    .for_all(),
    Row::new(
        "5xx 5.1.20",
        &[],
        Fail,
        "The message has more than one address in From. Set from for the device, which replaces \
        them.",
    )
    .for_all(),
    Row::new(
        "4xx",
        &["failed to be replicated", "Insufficient system resources", "PRX"],
        Retry,
        "A server of Microsoft's is in trouble. It is tried again; see the service health page of \
        Microsoft 365 if it goes on.",
    )
    .at(&[MailFrom, RcptTo, Data, EndOfData]),
];
