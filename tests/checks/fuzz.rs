//! A seconds-long run of every fuzz target, with a simple mutator in the place of libFuzzer: what
//! `make fuzz` does for as long as one likes. It begins with the kept corpora (`fuzz/corpus`) and
//! goes on from there, the same way every time.

#[path = "../../fuzz/src/lib.rs"]
#[expect(
    unreachable_pub,
    clippy::expect_used,
    clippy::panic,
    reason = "shared with the fuzz targets, which are crates of their own"
)]
mod targets;

use std::{fs, path::Path};

use rand::{Rng, SeedableRng, rngs::StdRng};

/// Inputs tried for each target beside the corpus: some seconds, in a build without optimisation.
const TRIES: usize = 4000;
/// Octets of an input.
const LENGTH_LIMIT: usize = 4096;
/// What matters to one target or another.
const WORDS: [&[u8]; 40] = [
    b"\r\n",
    b"\n",
    b"\r",
    b".",
    b"\r\n.\r\n",
    b"\n.\n",
    b"\0",
    b" ",
    b"\t",
    b":",
    b"<",
    b">",
    b"@",
    b"\"",
    b"(",
    b")",
    b",",
    b";",
    b"=",
    b"EHLO x\r\n",
    b"MAIL FROM:<a@b.example>\r\n",
    b"RCPT TO:<c@d.example>\r\n",
    b"DATA\r\n",
    b"AUTH LOGIN\r\n",
    b"STARTTLS\r\n",
    b"RSET\r\n",
    b"BDAT 5\r\n",
    b"QUIT\r\n",
    b"USER a\r\n",
    b"PASS b\r\n",
    b"APOP a b\r\n",
    b"CAPA\r\n",
    b"From: ",
    b"Content-Type: ",
    b"multipart/mixed; boundary=b\r\n",
    b"\r\n--b\r\n",
    b"=C3=BC",
    b"\xc3\xbc",
    b"\x16\x03\x01",
    b"\x80\x2e\x01\x03",
];

/// Prints the input that brought a target down.
struct Telltale<'a>(&'a [u8]);

impl Drop for Telltale<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input: b\"{}\"", self.0.escape_ascii());
        }
    }
}

fn run(target: &str, check: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<_> =
        fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut inputs: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(inputs.len() >= 5, "the corpus of {target} is gone");
    for input in &inputs {
        let _telltale = Telltale(input);
        check(input);
    }
    let mut random = StdRng::seed_from_u64(1);
    for number in 0..TRIES {
        let mut input = inputs[random.random_range(0..inputs.len())].clone();
        for _ in 0..random.random_range(1..6) {
            let other = inputs[random.random_range(0..inputs.len())].clone();
            mutate(&mut input, &other, &mut random);
        }
        input.truncate(LENGTH_LIMIT);
        let _telltale = Telltale(&input);
        check(&input);
        // Without a measure of what is new, now and then is as good as any.
        if number % 16 == 0 {
            inputs.push(input.clone());
        }
    }
}

fn mutate(input: &mut Vec<u8>, other: &[u8], random: &mut StdRng) {
    let place = random.random_range(0..=input.len());
    let end = random.random_range(place..=input.len());
    match random.random_range(0..7) {
        0 => input.insert(place, random.random()),
        1 => drop(input.drain(place..end.min(place + 16))),
        2 => drop(
            input.splice(place..place, WORDS[random.random_range(0..WORDS.len())].iter().copied()),
        ),
        3 => {
            let copied = input[place..end].to_vec();
            drop(input.splice(place..place, copied));
        }
        4 => drop(input.splice(place.., other.get(place..).unwrap_or_default().iter().copied())),
        5 => {
            let run = vec![random.random::<u8>(); random.random_range(1..1500)];
            drop(input.splice(place..place, run));
        }
        _ => {
            if let Some(octet) = input.get_mut(place) {
                *octet ^= 1 << random.random_range(0..8);
            }
        }
    }
}

#[test]
fn no_octets_are_read_as_other_lines_when_they_come_in_other_pieces() {
    run("line", targets::line::check);
}

#[test]
fn no_octets_break_a_session_or_make_two_messages_of_one() {
    run("session", targets::session::check);
}

#[test]
fn no_text_ends_twice_here_or_at_the_next_server() {
    run("body", targets::body::check);
}

#[test]
fn no_message_goes_out_illegal_or_says_something_else() {
    run("header", targets::header::check);
}

#[test]
fn no_message_has_another_structure_when_it_is_cut_in_another_way() {
    run("mime", targets::mime::check);
}

#[test]
fn no_plan_makes_a_message_illegal_or_of_another_size() {
    run("plan", targets::plan::check);
}

#[test]
fn no_client_hello_is_taken_for_two_things_or_waited_for_without_end() {
    run("hello", targets::hello::check);
}

#[test]
fn no_octets_break_a_pop_session() {
    run("pop", targets::pop::check);
}
