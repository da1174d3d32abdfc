//! Every computation over a header is linear: twice the header is at most 2.2 times the work.

use crate::{
    message::{Edits, Identity, Inspection, author, edit, work},
    model::{MessageId, Timestamp},
};

/// Octets of a header that is compared with one half as long.
const LARGE: usize = 60_000;
/// Octets of a header as large as any that is worked on.
const LARGEST: usize = 250_000;
/// How often each octet may be looked at. All edits together pass over a field many times, but a
/// fixed number of times.
const PASSES: u64 = 100;

const FIELDS: [&str; 16] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "Subject",
    "Date",
    "Message-ID",
    "References",
    "Received",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-Disposition",
    "X-Device",
];

/// What a field is filled with.
const FILLINGS: [&str; 22] = [
    ",",
    ";",
    "<",
    ">",
    "<>",
    "<a@b.c>,",
    "a@b.c,",
    "a,",
    "@",
    "\"",
    "\"x\"",
    "\\\"",
    "(",
    ")",
    "(x)",
    "=?",
    "=?utf-8?q?x?= ",
    "ü",
    "\r\n ",
    " ",
    ":",
    "x",
];

fn edits() -> Edits {
    Edits {
        id: MessageId::new(Timestamp::from_millis(1_763_900_000_000), 1),
        received: Timestamp::from_millis(1_741_548_328_000),
        hostname: "postroom.contoso.lan".into(),
        fallback: None,
        sender: None,
        identity: Some(Identity {
            address: "scanner@contoso.com".parse().unwrap(),
            name: None,
            reply_to: None,
        }),
    }
}

/// The work over a message whose `field` has `octets` of `filling`.
fn work_over(field: &str, filling: &str, octets: usize) -> u64 {
    let text = format!("{field}: {}\r\n\r\n", filling.repeat(octets / filling.len()));
    work::count(|| {
        let _edited = edit(text.as_bytes(), &edits());
        let _author = author(text.as_bytes());
        let mut inspection = Inspection::default();
        inspection.read(text.as_bytes());
        let _quirks = inspection.quirks();
    })
}

#[test]
fn twice_the_header_is_twice_the_work() {
    let mut faults = Vec::new();
    for field in FIELDS {
        for filling in FILLINGS {
            let (half, whole) =
                (work_over(field, filling, LARGE / 2), work_over(field, filling, LARGE));
            let octets = u64::try_from(LARGE).unwrap();
            if whole * 10 > half * 22 || whole > octets * PASSES {
                let passes = whole / octets;
                faults.push(format!(
                    "{field} of {filling:?}: {half} becomes {whole} ({passes} passes)"
                ));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn the_largest_header_is_passed_over_a_fixed_number_of_times() {
    let octets = u64::try_from(LARGEST).unwrap();
    for field in ["From", "To", "Subject"] {
        for filling in FILLINGS {
            let passes = work_over(field, filling, LARGEST) / octets;
            assert!(passes <= PASSES, "{field} of {filling:?}: {passes} passes");
        }
    }
}
