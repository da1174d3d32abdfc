//! `postroom queue export | import`: messages as files, to move them to another machine.
//!
//! An exported file begins with the envelope in header fields of our own, which the import reads
//! and removes. Without them, nobody would know for whom the message waits.

use std::{
    cell::Cell,
    fs::{self, File},
    io::{self, BufRead, BufReader, BufWriter, Read as _, Write},
    path::Path,
};

use anyhow::{Context as _, bail};

use super::mbox::{MboxReader, MboxWriter};
use crate::{
    admin::{Queued, SendAnswer},
    cli::{
        client::{Client, encoded},
        output::{plural, say},
    },
    model::{MessageId, ReversePath},
    spool::Entry,
};

const SENDER: &str = "X-Postroom-Sender";
const RECIPIENT: &str = "X-Postroom-Recipient";
const DEVICE: &str = "X-Postroom-Device";

/// Writes a message as it was accepted, without the envelope.
pub(super) async fn export_one(
    client: &Client,
    id: MessageId,
    output: Option<&Path>,
) -> anyhow::Result<()> {
    let path = format!("/api/v1/queue/{id}/message");
    let Some(output) = output else {
        return client.copy(&path, &mut io::stdout().lock()).await;
    };
    let mut file = create(output)?;
    client.copy(&path, &mut file).await.with_context(|| incomplete(output))
}

/// Writes each message into a file of a folder: `ID.eml`.
pub(super) async fn export_to_folder(
    client: &Client,
    ids: &[MessageId],
    folder: &Path,
) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for id in ids {
        let path = folder.join(format!("{id}.eml"));
        let entry = entry(client, *id).await?;
        let mut file = BufWriter::new(create(&path)?);
        write(client, &entry, &mut file).await.with_context(|| incomplete(&path))?;
    }
    done("exported", ids.len(), folder)
}

/// Writes all messages into one file in the format mboxrd (RFC 4155, with quoted `From ` lines).
pub(super) async fn export_to_mbox(
    client: &Client,
    ids: &[MessageId],
    path: &Path,
) -> anyhow::Result<()> {
    let mut file = BufWriter::new(create(path)?);
    for id in ids {
        let entry = entry(client, *id).await?;
        let mut writer = MboxWriter::begin(&mut file, &entry.sender, entry.received)?;
        write(client, &entry, &mut writer).await.with_context(|| incomplete(path))?;
        writer.end()?;
    }
    file.flush().with_context(|| incomplete(path))?;
    done("exported", ids.len(), path)
}

/// Puts the messages of a folder, an mbox file or an `.eml` file into the queue.
pub(super) async fn import(client: &Client, path: &Path) -> anyhow::Result<()> {
    let imported = Cell::new(0_usize);
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        let entries = fs::read_dir(path)?.collect::<Result<Vec<_>, _>>()?;
        let paths = entries.into_iter().map(|entry| entry.path());
        files = paths.filter(|path| path.extension().is_some_and(|end| end == "eml")).collect();
        files.sort();
    }
    for path in &files {
        let context = || {
            let before = plural(u64::try_from(imported.get()).unwrap_or(u64::MAX), "message");
            format!("{}; {before} imported before it", path.display())
        };
        let file = File::open(path).with_context(context)?;
        let mut file = BufReader::new(file);
        if file.fill_buf().with_context(context)?.starts_with(b"From ") {
            let mut messages = MboxReader::new(file);
            while let Some(message) = messages.read().with_context(context)? {
                hand_in(client, &message).await.with_context(context)?;
                imported.set(imported.get().saturating_add(1));
            }
        } else {
            let mut message = Vec::new();
            file.read_to_end(&mut message).with_context(context)?;
            hand_in(client, &message).await.with_context(context)?;
            imported.set(imported.get().saturating_add(1));
        }
    }
    done("imported", imported.get(), path)
}

fn done(what: &str, count: usize, path: &Path) -> anyhow::Result<()> {
    let count = plural(u64::try_from(count)?, "message");
    Ok(say(&format!("{count} {what}: {}", path.display()))?)
}

fn create(path: &Path) -> anyhow::Result<File> {
    File::create_new(path).with_context(|| format!("cannot create {}", path.display()))
}

fn incomplete(path: &Path) -> String {
    format!("cannot write {}; the file is incomplete", path.display())
}

async fn entry(client: &Client, id: MessageId) -> anyhow::Result<Entry> {
    Ok(client.get::<Queued>(&format!("/api/v1/queue/{id}")).await?.entry)
}

/// Writes the envelope, for the recipients that wait, and the message.
async fn write<W: Write>(client: &Client, entry: &Entry, to: &mut W) -> anyhow::Result<()> {
    to.write_all(envelope(entry).as_bytes())?;
    client.copy(&format!("/api/v1/queue/{}/message", entry.id), to).await
}

fn envelope(entry: &Entry) -> String {
    let mut fields = format!("{SENDER}: <{}>\r\n{DEVICE}: {}\r\n", entry.sender, entry.device);
    let open = entry.recipients.iter().filter(|recipient| recipient.due().is_some());
    for recipient in open {
        fields.push_str(&format!("{RECIPIENT}: <{}>\r\n", recipient.recipient.address));
    }
    fields
}

/// An envelope as it was exported, and the message behind it.
#[derive(PartialEq, Eq, Debug)]
struct Parted<'a> {
    sender: String,
    device: String,
    recipients: Vec<String>,
    message: &'a [u8],
}

/// Parts the envelope from the message.
fn part(text: &[u8]) -> Option<Parted<'_>> {
    let (mut sender, mut device, mut recipients) = (None, None, Vec::new());
    let mut message = text;
    while let Some(end) = message.windows(2).position(|two| two == b"\r\n") {
        let (line, rest) = message.split_at_checked(end)?;
        let Some((name, value)) = std::str::from_utf8(line).ok().and_then(|l| l.split_once(": "))
        else {
            break;
        };
        let address = || value.trim_start_matches('<').trim_end_matches('>').to_owned();
        match name {
            SENDER => sender = Some(address()),
            DEVICE => device = Some(value.to_owned()),
            RECIPIENT => recipients.push(address()),
            _other => break,
        }
        message = rest.get(2..)?;
    }
    Some(Parted { sender: sender?, device: device?, recipients, message })
}

async fn hand_in(client: &Client, text: &[u8]) -> anyhow::Result<()> {
    let Some(parted) = part(text).filter(|parted| !parted.recipients.is_empty()) else {
        bail!(
            "the message does not begin with {SENDER}, {DEVICE} and {RECIPIENT}, as \
            `postroom queue export --match` writes them, so its recipients are unknown"
        );
    };
    let mut query = format!("device={}", encoded(&parted.device));
    if parted.sender != ReversePath::Null.to_string() {
        query.push_str(&format!("&sender={}", encoded(&parted.sender)));
    }
    query.push_str(&format!("&recipients={}", encoded(&parted.recipients.join(" "))));
    let answer: SendAnswer =
        client.submit(&format!("/api/v1/import?{query}"), parted.message.to_vec()).await?;
    Ok(say(&format!("{} is in the queue", answer.id))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_is_parted_from_the_message_and_only_at_its_beginning() {
        let message =
            b"Received: by relay\r\nX-Postroom-Recipient: <evil@contoso.com>\r\n\r\nHi\r\n";
        let fields = "X-Postroom-Sender: <>\r\nX-Postroom-Device: mfp1\r\n\
            X-Postroom-Recipient: <anna@contoso.com>\r\nX-Postroom-Recipient: <b@contoso.com>\r\n";
        let text = [fields.as_bytes(), message].concat();
        let parted = part(&text).unwrap();
        assert_eq!((parted.sender.as_str(), parted.device.as_str()), ("", "mfp1"));
        assert_eq!(parted.recipients, ["anna@contoso.com", "b@contoso.com"]);
        assert_eq!(parted.message, message);
        assert_eq!(part(message), None);
    }
}
