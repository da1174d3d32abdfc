//! What any server says of mail, from the telling to the bare classes of RFC 5321 4.2.1.

use std::time::Duration;

use crate::classify::{
    row::Row,
    stage::Stage::{Body, Data, EndOfData, MailFrom, RcptTo},
    verdict::Outcome::{Deliver, Doubt, Fail, NextTransaction, Pause, Retry, Stop},
};

pub(super) static ROWS: &[Row] = &[
    Row::new("2xx", &[], Deliver, "The server has the message.").at(&[EndOfData]),
    // RFC 4954 6; RFC 3207 4.
    Row::new(
        "530",
        &[],
        Stop,
        "The server wants a login, or TLS, before it takes mail. Set auth, or tls = \"starttls\", \
        in the account.",
    ),
    Row::new(
        "535",
        &[],
        Stop,
        "The server does not accept the login for sending. Check auth of \
        the account.",
    ),
    // --- limits of other servers ---
    Row::new(
        "5xx",
        &["Daily user sending limit exceeded", "Daily sending quota exceeded"],
        Pause(Duration::from_secs(60 * 60)),
        "The account has reached the server's limit for a day. Mail waits; add a second account \
        and name it in spill_to.",
    ),
    Row::new(
        "4xx",
        &["too many connections"],
        Pause(Duration::from_secs(60)),
        "The server says that too many connections are open at once. Mail goes on in a minute; \
        lower limits.connections of the account.",
    )
    .too_many_connections(),
    Row::new(
        "4xx",
        &["too much mail", "rate limit", "sending rate"],
        Pause(Duration::from_secs(60)),
        "The server says that mail comes too fast. Mail goes on in a minute; lower limits of the \
        account.",
    ),
    // RFC 5321 4.5.3.1.10: 452; and 552 from old servers means the same.
    Row::new(
        "x5x",
        &["too many recipients"],
        NextTransaction,
        "The server takes no more recipients in one transaction; the others follow in the next. \
        Lower limits.recipients_per_message to avoid it.",
    )
    .at(&[RcptTo]),
    // --- this recipient ---
    Row::new(
        "5xx 5.1.1",
        &[],
        Fail,
        "There is no such recipient. Correct the address on the \
        device.",
    )
    .at(&[RcptTo]),
    Row::new(
        "5xx 5.1.3",
        &[],
        Fail,
        "The recipient's address is not well formed. Correct it on \
        the device.",
    )
    .at(&[RcptTo]),
    Row::new(
        "5xx 5.2.2",
        &[],
        Fail,
        "The recipient's mailbox is full. The recipient has to make \
        room.",
    )
    .at(&[RcptTo]),
    Row::new(
        "5xx",
        &["relay"],
        Fail,
        "The server does not relay to this recipient for us. If it should, its administrator has \
        to allow this machine or give it a login.",
    )
    .at(&[RcptTo]),
    Row::new(
        "553 5.6.7",
        &[],
        Fail,
        "An address has letters beyond ASCII, which the server does not take (SMTPUTF8). Use \
        another address.",
    )
    .for_all(),
    // --- this message ---
    Row::new(
        "5xx 5.1.7",
        &[],
        Fail,
        "The sender's address is not well formed. Set from for the \
        device.",
    )
    .for_all()
    .at(&[MailFrom]),
    Row::new(
        "5xx 5.3.4",
        &[],
        Fail,
        "The message is larger than the server takes. Lower the resolution on the device, or set \
        max_message so that it is told at once.",
    )
    .for_all(),
    Row::new(
        "552",
        &["size"],
        Fail,
        "The message is larger than the server takes. Lower the resolution on the device, or set \
        max_message so that it is told at once.",
    )
    .for_all(),
    Row::new(
        "5xx",
        &["bare linefeed", "bare LF", "bare newline"],
        Fail,
        "The server found a bare line feed in the message. Tell the makers of Postroom: line ends \
        are mended before mail goes out.",
    )
    .for_all(),
    Row::new(
        "5xx 5.6.x",
        &[],
        Fail,
        "The server does not take the form of the message; its words \
        say more. Look at what the device makes.",
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
        "The server does not let this login send from the sender's address. Rewrite the sender \
        (sender.rewrite), or have the login allowed to send as it.",
    )
    .for_all()
    .at(&[EndOfData]),
    Row::new(
        "5xx 5.3.x",
        &[],
        Fail,
        "The server's mail system cannot take the message; its words say why.",
    )
    .for_all()
    .at(&[EndOfData]),
    Row::new(
        "5xx",
        &["STOREDRV.Submission"],
        Fail,
        "The sending mailbox refused the message or its sender; the server's words say why.",
    )
    .for_all()
    .at(&[EndOfData]),
    // --- the bare classes ---
    Row::new(
        "421",
        &[],
        Retry,
        "The server ended the session. Nothing was accepted; it is tried \
        again.",
    ),
    Row::new(
        "4xx",
        &[],
        Retry,
        "The server refused for now, and says that it may work later. It \
        is tried again.",
    ),
    Row::new(
        "5xx",
        &[],
        Fail,
        "The server refused the sender for good; its words say why. Check \
        sender of the account.",
    )
    .at(&[MailFrom]),
    Row::new(
        "5xx",
        &[],
        Fail,
        "The server refused the recipient for good; its words say why. \
        Check the address on the device.",
    )
    .at(&[RcptTo]),
    Row::new("5xx", &[], Fail, "The server refused the message for good; its words say why.")
        .at(&[Data, Body, EndOfData]),
    Row::new(
        "3xx",
        &[],
        Doubt,
        "The server's answer to the end of the message makes no sense: it may have it. It is tried \
        again with the same Message-ID.",
    )
    .at(&[EndOfData]),
];

/// 2yz or 3yz where it makes no sense.
pub(super) static OTHERWISE: Row = Row::new(
    "xxx",
    &[],
    Retry,
    "The server answered out of turn. Nothing was handed over; it is tried again.",
);
