//! Replies before `MAIL FROM`. Every row pauses or stops the account, because no message can be the
//! cause.

use std::time::Duration;

use crate::classify::{
    row::Row,
    stage::Stage,
    verdict::Outcome::{self, Pause, Stop},
};

const MINUTE: Outcome = Pause(Duration::from_secs(60));
const FIVE_MINUTES: Outcome = Pause(Duration::from_secs(5 * 60));

pub(super) static ROWS: &[Row] = &[
    Row::new(
        "530",
        &["STARTTLS"],
        Stop,
        "The server requires TLS before any other command. Set tls = \"starttls\" in the account.",
    ),
    // --- the login is refused: Exchange Online ---
    Row::new(
        "535 5.7.139",
        &["SmtpClientAuthentication is disabled for the Tenant"],
        Stop,
        "SMTP AUTH is off for the whole organization. Switch it on for this mailbox: \
        Set-CASMailbox -Identity <mailbox> -SmtpClientAuthenticationDisabled $false (Exchange \
        Online PowerShell; usually works within an hour).",
    ),
    Row::new(
        "535 5.7.139",
        &["SmtpClientAuthentication is disabled for the Mailbox"],
        Stop,
        "SMTP AUTH is off for this mailbox. Switch it on: Set-CASMailbox -Identity <mailbox> \
        -SmtpClientAuthenticationDisabled $false (Exchange Online PowerShell; usually works within \
        an hour).",
    ),
    Row::new(
        "5xx",
        &["basic authentication is disabled", "Basic authentication is not supported"],
        Stop,
        "Microsoft no longer accepts passwords for this login. Use OAuth: auth = { method = \
        \"xoauth2\", ... }; or, while Microsoft still permits passwords, allow them in the \
        mailbox's policy: Set-AuthenticationPolicy -Identity <policy> -AllowBasicAuthSmtp.",
    ),
    Row::new(
        "535 5.7.139",
        &["security defaults policy"],
        Stop,
        "The organization's Security Defaults block password logins over SMTP. Use OAuth (method = \
        \"xoauth2\"), or replace Security Defaults with Conditional Access in the Entra admin \
        center (Identity, Overview, Properties).",
    ),
    Row::new(
        "535 5.7.139",
        &["did not meet the criteria"],
        Stop,
        "A Conditional Access policy or multifactor authentication blocks the login. Find the \
        blocked sign-in in the Entra admin center under Sign-in logs and exclude this mailbox from \
        the policy, or use OAuth (method = \"xoauth2\").",
    ),
    Row::new(
        "535 5.7.139",
        &["organization configuration doesn't allow"],
        Stop,
        "An authentication policy of the organization blocks the login. To log in with a password, \
        allow it: Set-AuthenticationPolicy -Identity <policy> -AllowBasicAuthSmtp; or use OAuth \
        (method = \"xoauth2\").",
    ),
    Row::new(
        "535 5.7.139",
        &["federated STS"],
        FIVE_MINUTES,
        "Microsoft could not reach your organization's own sign-in server (AD FS). Check that it \
        is running and that HTTPS connections from the internet reach it. Postroom tries the login \
        again.",
    ),
    Row::new(
        "535 5.7.139",
        &["credentials were incorrect"],
        Stop,
        "The user name or password is wrong, or the mailbox requires a second factor. Try both at \
        outlook.office.com, then correct the account's password file.",
    ),
    // --- the login is refused: High Volume Email ---
    Row::new(
        "501 5.5.121-126",
        &[],
        Stop,
        "The server does not accept the form of the token or of the user name in the OAuth login. \
        Check the account's user: for High Volume Email, it is the address of the HVE account.",
    ),
    Row::new(
        "535 5.7.142-143",
        &[],
        Stop,
        "The OAuth token has expired or is about to expire. The program that writes the token file \
        must renew the token at least 20 minutes before it expires.",
    ),
    Row::new(
        "535 5.7.144",
        &[],
        Stop,
        "The application lacks a permission. Add the application permission of Office 365 Exchange \
        Online in the Entra admin center: Mail.Send for High Volume Email, SMTP.SendAsApp for a \
        mailbox; then grant admin consent.",
    ),
    // --- the login is refused: anyone ---
    Row::new(
        "535 5.7.3",
        &[],
        Stop,
        "The server refused the login. If the account uses a password, the password or the user \
        name is wrong. If it uses OAuth, register the application for the mailbox with \
        New-ServicePrincipal -AppId <client id> -ObjectId <object id under Enterprise \
        applications> and Add-MailboxPermission -Identity <mailbox> -User <that object id> \
        -AccessRights FullAccess. The change takes up to an hour.",
    ),
    Row::new(
        "5xx",
        &["Application-specific password"],
        Stop,
        "The server requires an app password. Create one in the settings of that account (Google: \
        Security, App passwords) and write it to the password file.",
    ),
    Row::new(
        "504",
        &[],
        Stop,
        "The server does not support this login method. Exchange Online supports auth.method = \
        \"login\" or \"xoauth2\".",
    )
    .at(&[Stage::Auth]),
    Row::new(
        "454 4.7.0",
        &["Too many login attempts"],
        FIVE_MINUTES,
        "The server has received too many logins from this account. Postroom waits before it logs \
        in again. If this continues, find out what else logs in with this account.",
    ),
    Row::new(
        "4xx",
        &["Temporary authentication failure", "temporary server error"],
        MINUTE,
        "The server cannot check logins at the moment. Postroom tries again. If this continues, \
        see the Microsoft 365 service health page.",
    )
    .at(&[Stage::Auth]),
    // --- EHLO ---
    Row::new(
        "501 5.5.4",
        &["Invalid domain name"],
        Stop,
        "The server does not accept the name that Postroom gives in EHLO. Set hostname to a fully \
        qualified name such as postroom.example.com.",
    ),
    // --- the connection ---
    Row::new(
        "421 4.7.0",
        &["Too many errors"],
        FIVE_MINUTES,
        "The server ended the connection after too many errors, most likely refused logins. \
        Postroom waits before it connects again.",
    ),
];

/// RFC 5321 4.2.1: the bare classes, after everything that says more.
pub(super) static CLASSES: &[Row] = &[
    Row::new(
        "4xx",
        &["concurrent connections", "sender thread limit", "too many connections"],
        MINUTE,
        "The server says that too many connections are open at once. Postroom continues in one \
        minute. Lower the account's limits.connections.",
    )
    .too_many_connections(),
    Row::new(
        "5xx",
        &["too many connections"],
        Stop,
        "The server says that too many connections are open at once. Lower the account's \
        limits.connections, and find out what else sends from this address.",
    )
    .too_many_connections(),
    Row::new(
        "432",
        &[],
        MINUTE,
        "The server is busy. Postroom tries again with fewer connections.",
    )
    .too_many_connections(),
    Row::new("4xx", &[], MINUTE, "The server is busy or restarting. Postroom tries again.").at(&[
        Stage::Connect,
        Stage::Greeting,
        Stage::Ehlo,
    ]),
    Row::new("4xx", &[], MINUTE, "The server refused the login temporarily. Postroom tries again."),
    Row::new(
        "5xx",
        &[],
        Stop,
        "The server refused the login. Check the account's user and its password or token. The \
        reply gives details.",
    )
    .at(&[Stage::Auth]),
    Row::new(
        "5xx",
        &[],
        Stop,
        "The server does not accept mail from this machine. The reply gives the reason: a block \
        list, a firewall rule, or the name in hostname.",
    ),
];

/// A reply of class 2yz or 3yz that does not fit the command.
pub(super) static OTHERWISE: Row = Row::new(
    "xxx",
    &[],
    MINUTE,
    "The server sent a reply that does not fit the command. Postroom tries again. If this \
    continues, check that host and port name a mail server.",
);
