//! What is said before `MAIL FROM`. Every row pauses or stops the account; no message is ever to
//! blame for it.

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
        "The server wants TLS before anything else. Set tls = \
        \"starttls\" in the account.",
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
        "Microsoft no longer takes passwords here. Use OAuth: auth = { method = \"xoauth2\", ... \
        }; or, while it is still allowed, let the mailbox's policy permit it: \
        Set-AuthenticationPolicy -Identity <policy> -AllowBasicAuthSmtp.",
    ),
    Row::new(
        "535 5.7.139",
        &["security defaults policy"],
        Stop,
        "Security Defaults of the organization block passwords for SMTP. Use OAuth (method = \
        \"xoauth2\"), or replace Security Defaults with Conditional Access in the Entra admin \
        center (Identity, Overview, Properties).",
    ),
    Row::new(
        "535 5.7.139",
        &["did not meet the criteria"],
        Stop,
        "A Conditional Access policy or multifactor authentication blocks the login. Look for it \
        in the Entra admin center under Sign-in logs, and exclude this mailbox from the policy, or \
        use OAuth (method = \"xoauth2\").",
    ),
    Row::new(
        "535 5.7.139",
        &["organization configuration doesn't allow"],
        Stop,
        "An authentication policy of the organization blocks the login. For a password allow it: \
        Set-AuthenticationPolicy -Identity <policy> -AllowBasicAuthSmtp; or use OAuth (method = \
        \"xoauth2\").",
    ),
    Row::new(
        "535 5.7.139",
        &["federated STS"],
        FIVE_MINUTES,
        "Your organization's own sign-in server (AD FS) could not be reached by Microsoft. Check \
        that it runs and can be reached by HTTPS from outside; the login is tried again.",
    ),
    Row::new(
        "535 5.7.139",
        &["credentials were incorrect"],
        Stop,
        "User name or password is wrong, or the mailbox wants a second factor. Sign in with both \
        at outlook.office.com, then renew the password file of the account.",
    ),
    // --- the login is refused: High Volume Email ---
    Row::new(
        "501 5.5.121-126",
        &[],
        Stop,
        "The token or the user name in the OAuth login is not in the form the server wants. Check \
        user of the account: for High Volume Email it is the address of the HVE account.",
    ),
    Row::new(
        "535 5.7.142-143",
        &[],
        Stop,
        "The OAuth token has expired or is about to. Whatever writes the token file has to renew \
        it at least 20 minutes before its end.",
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
        "The login was refused. With a password: it or the user name is wrong. With OAuth: \
        register the application for the mailbox with New-ServicePrincipal -AppId <client id> \
        -ObjectId <object id under Enterprise applications> and Add-MailboxPermission -Identity \
        <mailbox> -User <that object id> -AccessRights FullAccess; it takes up to an hour.",
    ),
    Row::new(
        "5xx",
        &["Application-specific password"],
        Stop,
        "The server wants an app password. Make one in the settings of that account (Google: \
        Security, App passwords) and put it into the password file.",
    ),
    Row::new(
        "504",
        &[],
        Stop,
        "The server does not know this way to log in. Exchange Online takes auth.method = \
        \"login\" or \"xoauth2\".",
    )
    .at(&[Stage::Auth]),
    Row::new(
        "454 4.7.0",
        &["Too many login attempts"],
        FIVE_MINUTES,
        "The server has had too many logins from this account. It is left alone for a while; if it \
        goes on, find out who else logs in with it.",
    ),
    Row::new(
        "4xx",
        &["Temporary authentication failure", "temporary server error"],
        MINUTE,
        "The server cannot check logins just now. It is tried again; see the service health page \
        of Microsoft 365 if it goes on.",
    )
    .at(&[Stage::Auth]),
    // --- EHLO ---
    Row::new(
        "501 5.5.4",
        &["Invalid domain name"],
        Stop,
        "The server does not take the name we call ourselves. Set hostname to a full name like \
        postroom.example.com.",
    ),
    // --- the door ---
    Row::new(
        "421 4.7.0",
        &["Too many errors"],
        FIVE_MINUTES,
        "The server has ended the connection after too many errors, most likely refused logins. It \
        is left alone for a while.",
    ),
];

/// RFC 5321 4.2.1: the bare classes, after everything that says more.
pub(super) static CLASSES: &[Row] = &[
    Row::new(
        "4xx",
        &["concurrent connections", "sender thread limit", "too many connections"],
        MINUTE,
        "The server says that too many connections are open at once. Mail goes on in a minute; \
        lower limits.connections of the account.",
    )
    .too_many_connections(),
    Row::new(
        "5xx",
        &["too many connections"],
        Stop,
        "The server says that too many connections are open at once. Lower limits.connections of \
        the account, and find out who else sends from this address.",
    )
    .too_many_connections(),
    Row::new("432", &[], MINUTE, "The server is busy. It is tried again over fewer connections.")
        .too_many_connections(),
    Row::new("4xx", &[], MINUTE, "The server is busy or being restarted. It is tried again.")
        .at(&[Stage::Connect, Stage::Greeting, Stage::Ehlo]),
    Row::new("4xx", &[], MINUTE, "The server refused the login for now. It is tried again."),
    Row::new(
        "5xx",
        &[],
        Stop,
        "The server refused the login. Check user and password or token of the account; the \
        server's words say more.",
    )
    .at(&[Stage::Auth]),
    Row::new(
        "5xx",
        &[],
        Stop,
        "The server does not take mail from this machine. Its words say why: a block list, a \
        firewall, or the name in hostname.",
    ),
];

/// 2yz or 3yz where it makes no sense.
pub(super) static OTHERWISE: Row = Row::new(
    "xxx",
    &[],
    MINUTE,
    "The server answered out of turn. It is tried again; if it goes on, check that host and port \
    name a mail server.",
);
