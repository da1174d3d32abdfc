//! An SMTP client driven step by step, for what no ordinary mail program does.

use std::{
    io::{BufRead, BufReader, Write},
    net::{IpAddr, SocketAddr, TcpStream},
};

use socket2::{Domain, Socket, Type};

use crate::support::{scan::Scan, wait};

/// A connection as a device.
pub(crate) struct Device {
    stream: BufReader<TcpStream>,
}

/// The server's answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    /// The code.
    pub(crate) code: u16,
    /// All lines.
    pub(crate) text: String,
}

/// The line broke.
#[derive(Debug)]
pub(crate) struct Broken(
    #[expect(dead_code, reason = "shown when a test unwraps it")] pub(crate) std::io::Error,
);

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        Self(error)
    }
}

impl Device {
    /// Connects, reads the greeting, says `EHLO`.
    pub(crate) fn greeted(address: SocketAddr) -> Result<Self, Broken> {
        let mut device = Self::connected(address)?;
        let greeting = device.answer()?;
        if greeting.code != 220 {
            return Err(Broken(std::io::Error::other(greeting.text)));
        }
        device.command("EHLO scanner.contoso.com")?;
        Ok(device)
    }

    /// As [`Device::greeted`], from another address of the loopback network: another device.
    pub(crate) fn greeted_from(source: IpAddr, address: SocketAddr) -> Result<Self, Broken> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.bind(&SocketAddr::new(source, 0).into())?;
        socket.connect(&address.into())?;
        let mut device = Self::over(socket.into())?;
        let greeting = device.answer()?;
        if greeting.code != 220 {
            return Err(Broken(std::io::Error::other(greeting.text)));
        }
        device.command("EHLO scanner.contoso.com")?;
        Ok(device)
    }

    /// Connects, and no more.
    pub(crate) fn connected(address: SocketAddr) -> Result<Self, Broken> {
        Self::over(TcpStream::connect(address)?)
    }

    fn over(stream: TcpStream) -> Result<Self, Broken> {
        stream.set_read_timeout(Some(wait::PATIENCE))?;
        stream.set_write_timeout(Some(wait::PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends a line and reads the answer.
    pub(crate) fn command(&mut self, line: &str) -> Result<Answer, Broken> {
        self.send(format!("{line}\r\n").as_bytes())?;
        self.answer()
    }

    /// Sends octets as they are.
    pub(crate) fn send(&mut self, octets: &[u8]) -> Result<(), Broken> {
        Ok(self.stream.get_mut().write_all(octets)?)
    }

    /// Reads one answer, of as many lines as it has.
    pub(crate) fn answer(&mut self) -> Result<Answer, Broken> {
        let mut text = String::new();
        loop {
            let start = text.len();
            if self.stream.read_line(&mut text)? == 0 {
                return Err(Broken(std::io::ErrorKind::UnexpectedEof.into()));
            }
            let line = &text[start..];
            if line.as_bytes().get(3) != Some(&b'-') {
                let code = line.get(..3).and_then(|code| code.parse().ok()).unwrap_or(0);
                return Ok(Answer { code, text });
            }
        }
    }

    /// Gets as far as the `354`.
    pub(crate) fn begin(&mut self, from: &str, to: &str) -> Result<Answer, Broken> {
        for line in [format!("MAIL FROM:<{from}>"), format!("RCPT TO:<{to}>")] {
            let answer = self.command(&line)?;
            if answer.code != 250 {
                return Ok(answer);
            }
        }
        self.command("DATA")
    }

    /// Hands a message in: the answer to end of data, or the refusal before it.
    pub(crate) fn hand_in(&mut self, from: &str, to: &str, scan: &Scan) -> Result<Answer, Broken> {
        let answer = self.begin(from, to)?;
        if answer.code != 354 {
            return Ok(answer);
        }
        self.send(&scan.stuffed())?;
        self.answer()
    }
}

impl Answer {
    /// The id in `250 2.0.0 queued as <id>`.
    pub(crate) fn queued_as(&self) -> String {
        let (_, id) = self
            .text
            .trim_end()
            .rsplit_once("queued as ")
            .unwrap_or_else(|| panic!("not queued: {}", self.text));
        id.to_owned()
    }
}
