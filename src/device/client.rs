//! One connection's client: asks the policy what the client may do, and tells the observer.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc, time::Duration};

use crate::{
    device::{
        ClientCertificate, DeviceAuth, DeviceSettings, Parting, TlsRefusal, TlsSighting,
        identity::{
            directory::{Directory, LoggedIn},
            login::LoginGuard,
            password::Memory,
            pop_windows::PopWindows,
            standing::Identity,
        },
        observe::observer::Observer,
        policy::refusal::{self, LoginRefusal, Logins, Refusal},
    },
    model::{Address, ByteSize, MessageId, Reply, ReversePath, TlsVersion},
    pop_before_smtp::{Apop, PopAnswer, PopLogin},
    smtp::{Login, Quirk, SessionSettings, StartTls},
};

/// One connection's client. It is replaced by another value when it logs in or shows a certificate.
///
/// A client keeps the directory that it was identified with: a reload of the configuration does not
/// change a session in progress.
#[derive(Clone)]
pub struct Client {
    directory: Arc<Directory>,
    memory: Arc<ClientMemory>,
    identity: Identity,
}

/// What is remembered of all clients. It outlives a reload of the configuration.
pub(super) struct ClientMemory {
    pub(super) logins: LoginGuard,
    pub(super) pop_windows: PopWindows,
    /// For the passwords of which only a hash is known.
    pub(super) hashing: Memory,
    pub(super) observer: Observer,
}

impl Client {
    /// The client at an address, by its network and by its last login by POP.
    pub(super) fn identify(
        directory: Arc<Directory>,
        memory: Arc<ClientMemory>,
        peer: IpAddr,
    ) -> Self {
        // A dual-stack socket shows an IPv4 client as ::ffff:192.168.7.9.
        let peer = peer.to_canonical();
        let identity = Identity::of_address(peer, directory.by_network(peer).cloned());
        let client = Self { directory, memory, identity };
        client.after_pop().unwrap_or(client)
    }

    /// The client as its address alone identifies it: what it has shown or said is forgotten,
    /// except for a login by POP, which admits the address.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self::identify(Arc::clone(&self.directory), Arc::clone(&self.memory), self.peer())
    }

    /// The client's address. An IPv4 address is never in its IPv6-mapped form.
    #[must_use]
    pub const fn peer(&self) -> IpAddr {
        self.identity.peer
    }

    /// The settings of the device that the client is. A stranger has none.
    #[must_use]
    pub fn device(&self) -> Option<&DeviceSettings> {
        self.identity.device.as_ref().map(|device| &device.settings)
    }

    /// The user that the client has logged in as, by its name in the configuration.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.identity.user.as_deref()
    }

    /// The entry of `certificates` that the client's certificate matches.
    #[must_use]
    pub fn certificate(&self) -> Option<&str> {
        self.identity.certificate.as_deref()
    }

    /// The oldest TLS that the client may use.
    #[must_use]
    pub fn oldest_tls(&self) -> TlsVersion {
        self.device().map_or(self.directory.oldest_tls_of_strangers(), |device| device.oldest_tls)
    }

    /// What a session with this client offers. `starttls` is what the listener offers, `tls` is the
    /// TLS of the connection.
    #[must_use]
    pub fn session_settings(
        &self,
        starttls: StartTls,
        tls: Option<TlsVersion>,
    ) -> Arc<SessionSettings> {
        self.directory.offer(self.identity.device.as_ref()).settings(starttls, tls)
    }

    /// Whether every user that the client could log in as can be verified by `APOP`.
    #[must_use]
    pub fn apop(&self) -> Apop {
        self.directory.offer(self.identity.device.as_ref()).apop
    }

    fn as_user(&self, login: LoggedIn) -> Self {
        Self { identity: self.identity.clone().logged_in(login), ..self.clone() }
    }

    fn refuse(&self, refusal: Refusal) -> Reply {
        self.memory.observer.refused(&self.identity, refusal)
    }
}

/// How the client becomes known.
impl Client {
    /// The client after it has shown this certificate.
    #[must_use]
    pub fn certified(self, shown: &ClientCertificate) -> Self {
        let Some((device, entry)) = self.directory.by_certificate(shown) else {
            self.memory.observer.certificate_unknown(&self.identity, shown);
            return self;
        };
        Observer::certificate_known(&self.identity, device, entry);
        let identity =
            self.identity.clone().certified(Arc::clone(device), entry.to_string().into());
        Self { identity, ..self }
    }

    /// Verifies a login. Returns the client that results, and the name of the user. May take long
    /// (argon2), so it must not be called on the async threads.
    ///
    /// # Errors
    /// 535 5.7.8 when the login is wrong, 454 4.7.0 when too many logins have failed.
    pub fn log_in(&self, login: &Login) -> Result<(Self, String), Reply> {
        let user = match login {
            Login::Password { user, .. } | Login::CramMd5 { user, .. } => user,
            Login::DigestMd5(response) => response.user(),
        };
        let Self { directory, memory, .. } = self;
        let verdict = memory
            .logins
            .verify(directory, self.peer(), user, |stored| stored.matches(login, &memory.hashing));
        let login =
            self.observed(verdict, user).map_err(|cause| self.refuse(refusal::login(cause)))?;
        let name = login.user.as_ref().to_owned();
        Ok((self.as_user(login), name))
    }

    /// Verifies a login by POP. If it is right, the address counts as logged in for as long as
    /// `window` says. May take long, like [`Client::log_in`].
    #[must_use]
    pub fn log_in_by_pop(
        &self,
        login: &PopLogin,
        on: Option<TlsVersion>,
        window: Duration,
    ) -> PopAnswer {
        let Self { directory, memory, .. } = self;
        let verdict = memory.logins.verify(directory, self.peer(), login.user(), |stored| {
            stored.matches_pop(login, &memory.hashing)
        });
        match self.observed(verdict, login.user()) {
            // The client may come from any network: its device is known only now, and with it the
            // rules that apply.
            Ok(login) if self.as_user(login.clone()).permit_tls(on).is_err() => {
                PopAnswer::EncryptFirst
            }
            Ok(login) => {
                memory.pop_windows.open(self.peer(), login.user, window);
                PopAnswer::Right
            }
            Err(cause) => {
                self.refuse(refusal::login(cause));
                match cause {
                    LoginRefusal::Wrong => PopAnswer::Wrong,
                    LoginRefusal::TooMany => PopAnswer::TooMany,
                }
            }
        }
    }

    /// The client as its user, if a login by POP has opened a window for its address. Some devices
    /// connect to both servers first and log in afterwards.
    #[must_use]
    pub fn after_pop(&self) -> Option<Self> {
        // A login gives nothing to a device that is not supposed to log in.
        if self.user().is_some()
            || self.certificate().is_some()
            || self.device().is_some_and(|device| device.auth == DeviceAuth::None)
        {
            return None;
        }
        let name = self.memory.pop_windows.user_at(self.peer())?;
        self.directory.user(&name).map(|user| self.as_user(user.log_in()))
    }

    fn observed(
        &self,
        verdict: Result<LoggedIn, LoginRefusal>,
        name: &str,
    ) -> Result<LoggedIn, LoginRefusal> {
        let observer = &self.memory.observer;
        match &verdict {
            Ok(login) => observer.logged_in(&login.device, self.peer(), &login.user),
            Err(cause) => {
                let user = self.directory.user(name).map(|user| user.settings.name.as_str());
                observer.login_refused(&self.identity, *cause, user);
            }
        }
        verdict
    }
}

/// What the client may do.
impl Client {
    /// Permits the client to send a message from this address now. A permitted message counts
    /// against `messages_per_minute`.
    ///
    /// # Errors
    /// 550 5.7.1 for a stranger or a sender that is not allowed, 530 5.7.0 when the client must log
    /// in first, 552 5.3.4 when the declared size is too large, 450 4.7.1 when the device exceeds
    /// its rate. The reply names the setting.
    pub fn permit_sender(&self, sender: &ReversePath, size: Option<ByteSize>) -> Result<(), Reply> {
        let permitted = match &self.identity.device {
            Some(device) => device.permit_sender(self.identity.authentication(), sender, size),
            None => Err(self.stranger()),
        };
        permitted.map_err(|refusal| self.refuse(refusal))
    }

    /// Permits the client to write to this address.
    ///
    /// # Errors
    /// 550 5.7.1, naming the setting.
    pub fn permit_recipient(&self, recipient: &Address) -> Result<(), Reply> {
        let permitted = match &self.identity.device {
            Some(device) => device.permit_recipient(recipient),
            None => Err(self.stranger()),
        };
        permitted.map_err(|refusal| self.refuse(refusal))
    }

    /// Whether the client must encrypt before it says anything that matters.
    #[must_use]
    pub fn must_encrypt(&self, on: Option<TlsVersion>) -> bool {
        self.identity.device.as_ref().is_some_and(|device| device.must_encrypt(on))
    }

    /// Permits the client to go on with the TLS of its connection, if any. The client may have
    /// become a device after the handshake.
    ///
    /// # Errors
    /// 534 5.7.9 when the TLS is too old, 530 5.7.0 when there is none that protects anything. The
    /// reply names the setting.
    pub fn permit_tls(&self, on: Option<TlsVersion>) -> Result<(), Reply> {
        match &self.identity.device {
            Some(device) => device.permit_tls(on).map_err(|refusal| self.refuse(refusal)),
            None => Ok(()),
        }
    }

    /// Records that the client's handshake was refused. Returns the text for the administrator:
    /// what the client offered, and what would admit it.
    pub fn refuse_tls(&self, refusal: TlsRefusal) -> String {
        let reason = refusal.text(self.device(), self.oldest_tls());
        self.memory.observer.handshake_refused(&self.identity, &reason, refusal.needs());
        reason
    }

    fn stranger(&self) -> Refusal {
        let logins = if self.directory.has_users() { Logins::Possible } else { Logins::Impossible };
        refusal::stranger(self.peer(), logins)
    }
}

/// What is remembered of the client.
impl Client {
    /// Records that the client has connected.
    pub fn note_connection(&self, tls: Option<TlsSighting>) {
        self.memory.observer.connected(&self.identity, tls);
    }

    /// Records that the client, which was `before` until now, has become this one.
    pub fn note_change(&self, before: &Self, tls: Option<TlsSighting>) {
        self.memory.observer.changed(&self.identity, &before.identity, tls);
    }

    /// Records that the client was turned away because there are too many connections.
    pub fn note_turned_away(&self, reply: &Reply) {
        self.memory.observer.turned_away(&self.identity, reply);
    }

    /// Records that the client's TLS handshake has failed.
    pub fn note_failed_handshake(&self, reason: &str) {
        self.memory.observer.handshake_failed(&self.identity, reason, None);
    }

    /// Records that a message from the client was accepted.
    pub fn note_message(&self, id: MessageId, octets: u64) {
        self.memory.observer.accepted(&self.identity, id, octets);
    }

    /// Records that the client departs from the standards.
    pub fn note_quirks(&self, quirks: &BTreeSet<Quirk>) {
        self.memory.observer.quirks(&self.identity, quirks);
    }

    /// Records that the connection has ended.
    pub fn note_parting(&self, parting: Parting<'_>) {
        self.memory.observer.parted(&self.identity, parting);
    }
}
