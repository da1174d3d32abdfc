//! Replies of any server from `MAIL FROM` on: specific ones first, then the bare classes of RFC
//! 5321 4.2.1.

use std::time::Duration;

use crate::classify::{
    row::Row,
    stage::Stage::{Body, Data, EndOfData, MailFrom, RcptTo},
    verdict::Outcome::{Deliver, Doubt, Fail, NextTransaction, Pause, Retry},
};

pub(super) static ROWS: &[Row] = &[
    Row::new("2xx", &[], Deliver, "The server has the message.").at(&[EndOfData]),
    // --- limits of other servers ---
    Row::new(
        "4xx",
        &["too many connections"],
        Pause(Duration::from_secs(60)),
        "The server says that too many connections are open at once. Postroom continues in one \
        minute. Lower the account's limits.connections.",
    )
    .too_many_connections(),
    // RFC 5321 4.5.3.1.10: 452; and 552 from old servers means the same.
    Row::new(
        "x5x",
        &["too many recipients"],
        NextTransaction,
        "The server does not accept more recipients in one transaction. Postroom sends to the \
        others in the next transaction. To avoid this reply, lower limits.recipients_per_message.",
    )
    .at(&[RcptTo]),
    // --- this recipient ---
    Row::new(
        "5xx 5.1.1",
        &[],
        Fail,
        "The recipient does not exist. Correct the address on the device.",
    )
    .at(&[RcptTo]),
    Row::new(
        "5xx 5.1.3",
        &[],
        Fail,
        "The recipient's address is malformed. Correct it on the device.",
    )
    .at(&[RcptTo]),
    Row::new(
        "5xx 5.2.2",
        &[],
        Fail,
        "The recipient's mailbox is full. The recipient must delete mail or get a larger mailbox.",
    )
    .at(&[RcptTo]),
    Row::new(
        "5xx 5.1.0-6",
        &[],
        Fail,
        "The server does not accept the recipient's address. The reply gives the reason. Correct \
        the address on the device.",
    )
    .at(&[RcptTo]),
    Row::new(
        "5xx 5.2.x",
        &[],
        Fail,
        "The recipient's mailbox does not accept the message. The reply gives the reason.",
    )
    .at(&[RcptTo]),
    Row::new(
        "5xx",
        &[
            "user unknown",
            "unknown user",
            "unknown recipient",
            "unknown address",
            "recipient unknown",
            "recipient not found",
            "user not found",
            "mailbox not found",
            "no such",
            "no mailbox",
            "not exist",
            "doesn't exist",
            "not a valid",
            "invalid recipient",
            "invalid mailbox",
            "mailbox unavailable",
            "mailbox is unavailable",
            "mailbox name not allowed",
            "mailbox is full",
            "mailbox full",
            "over quota",
            "overquota",
            "account disabled",
            "account is disabled",
            "user disabled",
            "inactive",
        ],
        Fail,
        "The recipient does not exist, or its mailbox does not accept mail. The reply gives the \
        reason. Check the address on the device.",
    )
    .at(&[RcptTo]),
    Row::new(
        "553 5.6.7",
        &[],
        Fail,
        "An address contains characters outside ASCII, and the server does not support them \
        (SMTPUTF8). Use another address.",
    )
    .for_all(),
    // --- this message ---
    Row::new("5xx 5.1.7", &[], Fail, "The sender's address is malformed. Set from for the device.")
        .for_all()
        .at(&[MailFrom]),
    Row::new(
        "5xx 5.3.4",
        &[],
        Fail,
        "The message is larger than the server accepts. Lower the scan resolution on the device, \
        or lower max_message so that the device gets the refusal at once.",
    )
    .for_all(),
    Row::new(
        "552",
        &["size"],
        Fail,
        "The message is larger than the server accepts. Lower the scan resolution on the device, \
        or lower max_message so that the device gets the refusal at once.",
    )
    .for_all(),
    Row::new(
        "5xx",
        &["bare linefeed", "bare LF", "bare newline"],
        Fail,
        "The server found a bare line feed in the message. Postroom repairs line ends before it \
        sends a message, so this is a bug: report it to the Postroom project.",
    )
    .for_all(),
    Row::new(
        "5xx 5.6.x",
        &[],
        Fail,
        "The server does not accept the format of the message. The reply gives details. Check what \
        the device produces.",
    )
    .for_all(),
    Row::new(
        "5xx 5.1.7-8",
        &[],
        Fail,
        "The server does not accept the sender's address. Set from for the device, or rewrite the \
        sender (sender.rewrite).",
    )
    .for_all()
    .at(&[EndOfData]),
    Row::new(
        "5xx",
        &["send as"],
        Fail,
        "The server does not allow this login to send from the sender's address. Rewrite the \
        sender (sender.rewrite), or ask the server's administrator to allow the login to use that \
        address.",
    )
    .for_all()
    .at(&[EndOfData]),
    Row::new(
        "5xx 5.3.x",
        &[],
        Fail,
        "The server's mail system cannot accept the message. The reply gives the reason.",
    )
    .for_all()
    .at(&[EndOfData]),
    Row::new(
        "5xx",
        &["STOREDRV.Submission"],
        Fail,
        "The sending mailbox refused the message or its sender. The reply gives the reason.",
    )
    .for_all()
    .at(&[EndOfData]),
    // --- the bare classes ---
    Row::new(
        "421",
        &[],
        Retry,
        "The server ended the session. It has not accepted the message. Postroom tries again.",
    ),
    Row::new("4xx", &[], Retry, "The server refused temporarily. Postroom tries again."),
    Row::new(
        "5xx",
        &[],
        Fail,
        "The server refused the sender permanently. The reply gives the reason. Check the \
        account's sender.",
    )
    .unless_repeated()
    .at(&[MailFrom]),
    Row::new(
        "5xx",
        &[],
        Fail,
        "The server refused the recipient permanently. The reply gives the reason. Check the \
        address on the device.",
    )
    .unless_repeated()
    .at(&[RcptTo]),
    Row::new(
        "5xx",
        &[],
        Fail,
        "The server refused the message permanently. The reply gives the \
    reason.",
    )
    .unless_repeated()
    .at(&[Data, Body, EndOfData]),
    Row::new(
        "3xx",
        &[],
        Doubt,
        "The server sent a meaningless reply to the end of the message, so it may have accepted \
        the message. Postroom tries again with the same Message-ID.",
    )
    .at(&[EndOfData]),
];

/// A reply of class 2yz or 3yz that does not fit the command.
pub(super) static OTHERWISE: Row = Row::new(
    "xxx",
    &[],
    Retry,
    "The server sent a reply that does not fit the command. It has not accepted the message. \
    Postroom tries again.",
);
