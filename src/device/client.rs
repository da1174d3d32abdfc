//! One connection's standing: which device it is, and what it may do. Every refusal names the
//! setting that made it.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc, time::Duration};

use tracing::{debug, info};

use crate::{
    device::{
        CertificateSighting, ClientCertificate, DeviceAuth, DeviceSettings, HandshakeSighting,
        LoginOutcome, LoginSighting, MessageSighting, QuirkSighting, RefusalKind, RefusalSighting,
        Sighting, TlsSighting, Worth,
        identity::users::{LoggedIn, LoginRefusal},
        policy::refusal::{self, Logins, Refusal},
        registry::{Device, Registry},
    },
    model::{Address, ByteSize, Dialogue, MessageId, Reply, ReversePath, Timestamp, TlsVersion},
    pop::{Apop, PopAnswer, PopLogin},
    smtp::{Login, Quirk, SessionSettings, StartTls},
};

/// One connection's standing: which device it is, and what it may do. Changes when it logs in.
#[derive(Clone)]
pub struct Client {
    registry: Arc<Registry>,
    peer: IpAddr,
    device: Option<Arc<Device>>,
    user: Option<Arc<str>>,
    certificate: Option<Arc<str>>,
}

/// What is known of a connection when it ends.
pub struct Parting<'a> {
    /// What the client called itself, made printable; empty when it did not.
    pub helo: &'a str,
    /// Whether it was encrypted.
    pub tls: Option<TlsSighting>,
    /// The mechanism it asked for last, offered or not.
    pub mechanism: Option<&'static str>,
    /// What it did against the standards.
    pub quirks: &'a BTreeSet<Quirk>,
    /// What was said.
    pub dialogue: Dialogue,
}

impl Client {
    pub(super) fn new(registry: Arc<Registry>, peer: IpAddr, device: Option<Arc<Device>>) -> Self {
        Self { registry, peer, device, user: None, certificate: None }
    }

    /// Its address; an IPv4 one as such, whatever the socket.
    #[must_use]
    pub const fn peer(&self) -> IpAddr {
        self.peer
    }

    /// The device's settings; none for a stranger.
    #[must_use]
    pub fn device(&self) -> Option<&DeviceSettings> {
        self.device.as_ref().map(|device| &device.settings)
    }

    /// The user it logged in as, by the name in the config.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The entry of `certificates` that its certificate fits.
    #[must_use]
    pub fn certificate(&self) -> Option<&str> {
        self.certificate.as_deref()
    }

    /// By a login or a certificate. The network alone proves nothing.
    fn is_authenticated(&self) -> bool {
        self.user.is_some() || self.certificate.is_some()
    }

    /// The oldest TLS it may use. A stranger may be a device that is known by its user only, and
    /// that logs in after the handshake.
    #[must_use]
    pub fn oldest_tls(&self) -> TlsVersion {
        self.device().map_or(self.registry.oldest_tls_of_strangers, |device| device.oldest_tls)
    }

    /// What its session offers. `starttls` is the listener's word, `tls` what is on now.
    #[must_use]
    pub fn session_settings(
        &self,
        starttls: StartTls,
        tls: Option<TlsVersion>,
    ) -> Arc<SessionSettings> {
        let offer = self.device.as_ref().map_or(&self.registry.stranger, |device| &device.offer);
        offer.settings(starttls, tls)
    }

    /// Verifies a login; the client that results, and the user's name. May take long (argon2): call
    /// it off the async threads.
    ///
    /// # Errors
    /// 535 5.7.8 for a wrong one, 454 4.7.0 after too many.
    pub fn log_in(&self, login: &Login) -> Result<(Client, String), Reply> {
        let user = match login {
            Login::Password { user, .. } | Login::CramMd5 { user, .. } => user,
            Login::DigestMd5(response) => response.user(),
        };
        let memory = &self.registry.memory;
        let verdict =
            self.registry.users.verify(self.peer, user, |stored| stored.matches(login, memory));
        let login =
            self.counted(verdict, user).map_err(|cause| self.refuse(refusal::login(cause)))?;
        let name = login.user.as_ref().to_owned();
        Ok((self.clone().logged_in(login), name))
    }

    /// Verifies a login by POP; when it is right, the address counts as logged in for as long as
    /// `window` says. May take long, as [`Client::log_in`].
    #[must_use]
    pub fn log_in_by_pop(
        &self,
        login: &PopLogin,
        on: Option<TlsVersion>,
        window: Duration,
    ) -> PopAnswer {
        let memory = &self.registry.memory;
        let verdict = self
            .registry
            .users
            .verify(self.peer, login.user(), |stored| stored.matches_pop(login, memory));
        match self.counted(verdict, login.user()) {
            // It may have come from anywhere: only now is it known whose rules hold.
            Ok(login) if self.clone().logged_in(login.clone()).permit_tls(on).is_err() => {
                PopAnswer::EncryptFirst
            }
            Ok(login) => {
                self.registry.windows.open(self.peer, login, window);
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

    /// Who it is by now, if a login by POP has opened a window for its address since it connected:
    /// some devices connect to both servers first.
    #[must_use]
    pub fn after_pop(&self) -> Option<Self> {
        // A device that is not to log in gains nothing by a login.
        if self.is_authenticated()
            || self.device().is_some_and(|device| device.auth == DeviceAuth::None)
        {
            return None;
        }
        self.registry.windows.of(self.peer).map(|login| self.clone().logged_in(login))
    }

    /// Whether a login by `APOP` could be verified, whoever of its users it is.
    #[must_use]
    pub fn apop(&self) -> Apop {
        self.device.as_ref().map_or(&self.registry.stranger, |device| &device.offer).apop
    }

    pub(super) const fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    pub(super) fn known_by(mut self, device: Arc<Device>, certificate: Arc<str>) -> Self {
        self.device = Some(device);
        self.certificate = Some(certificate);
        self
    }

    pub(super) fn logged_in(mut self, login: LoggedIn) -> Self {
        self.device = Some(login.device);
        self.user = Some(login.user);
        self
    }

    fn counted(
        &self,
        verdict: Result<LoggedIn, LoginRefusal>,
        name: &str,
    ) -> Result<LoggedIn, LoginRefusal> {
        let metrics = self.registry.metrics.receiving();
        match &verdict {
            Ok(login) => {
                metrics.logins_accepted.inc();
                self.note_login(login);
            }
            Err(cause) => {
                metrics.logins_refused.inc();
                self.note_failed_login(*cause, name);
            }
        }
        verdict
    }

    /// May it send from this address now? Counts against `messages_per_minute`.
    ///
    /// # Errors
    /// 550 5.7.1 for a stranger or a sender that is not allowed (naming the setting), 530 5.7.0
    /// when it must log in first, 450 4.7.1 when too fast, 552 5.3.4 when the declared size is too
    /// large.
    pub fn permit_sender(&self, sender: &ReversePath, size: Option<ByteSize>) -> Result<(), Reply> {
        let Some(device) = &self.device else {
            return Err(self.refuse(refusal::stranger(self.peer, self.logins())));
        };
        let settings = &device.settings;
        if settings.auth == DeviceAuth::Required && !self.is_authenticated() {
            return Err(self.refuse(refusal::login_required(settings)));
        }
        // RFC 5321 4.5.5: a notice has no sender; it claims to be nobody, so `senders` has nothing
        // to forbid.
        if let Some(address) = sender.mailbox()
            && !settings.senders.iter().any(|pattern| pattern.fits(address))
        {
            return Err(self.refuse(refusal::sender(settings, address)));
        }
        if size.is_some_and(|size| size > settings.max_message) {
            return Err(self.refuse(refusal::size(settings)));
        }
        if device.rate.as_ref().is_some_and(|rate| !rate.admit()) {
            return Err(self.refuse(refusal::rate(settings)));
        }
        Ok(())
    }

    /// May it write to this address?
    ///
    /// # Errors
    /// 550 5.7.1, naming the setting.
    pub fn permit_recipient(&self, recipient: &Address) -> Result<(), Reply> {
        let Some(settings) = self.device() else {
            return Err(self.refuse(refusal::stranger(self.peer, self.logins())));
        };
        if settings.recipients.iter().any(|pattern| pattern.fits(recipient)) {
            return Ok(());
        }
        Err(self.refuse(refusal::recipient(settings, recipient)))
    }

    fn logins(&self) -> Logins {
        if self.registry.users.exist() { Logins::Possible } else { Logins::Impossible }
    }

    pub(super) fn refuse(&self, refusal: Refusal) -> Reply {
        let Refusal { kind, about, reply } = refusal;
        if let Some(metric) = kind.metric() {
            self.registry.metrics.receiving().refusals.get_or_create(&metric.into()).inc();
        }
        match (kind, self.device()) {
            (RefusalKind::LoginWrong | RefusalKind::LoginTooMany, Some(device)) => {
                // The name is not logged: people do type their password there.
                info!(device = %device.name, peer = %self.peer, "login refused");
            }
            (_, Some(device)) => info!(device = %device.name, peer = %self.peer, %reply, "refused"),
            (_, None) => debug!(peer = %self.peer, %reply, "refused"),
        }
        self.note_refusal(kind, about, &reply);
        reply
    }
}

/// What is remembered of it.
impl Client {
    /// It is there.
    pub fn note_connection(&self, tls: Option<TlsSighting>) {
        self.note(|seen, _now| {
            seen.counts.connections += 1;
            seen.tls = tls;
            seen.certificate = self.certificate().map(str::to_owned);
        });
    }

    /// It has become a device, or another one, since it was first noted.
    pub fn note_change(&self, before: &Self, tls: Option<TlsSighting>) {
        let name = |client: &Self| client.device().map(|device| device.name.clone());
        if name(self) == name(before) {
            return;
        }
        if before.device.is_none() {
            self.registry.sightings.forget_stranger(self.peer);
        }
        self.note_connection(tls);
    }

    /// It was turned away before it could say anything: there are too many connections.
    pub fn note_turned_away(&self, reply: &Reply) {
        self.note_refusal(RefusalKind::Connections, None, reply);
    }

    /// Its TLS failed; `needs` is the `oldest_tls` that would let it in, when that is why.
    pub fn note_failed_handshake(&self, reason: &str, needs: Option<TlsVersion>) {
        self.note(|seen, now| {
            seen.counts.refusals += 1;
            seen.failed_handshake =
                Some(HandshakeSighting { at: now, reason: reason.to_owned(), needs });
        });
    }

    /// It has shown a certificate that is no device's.
    pub(super) fn note_unknown_certificate(
        &self,
        shown: &ClientCertificate,
        names: Vec<String>,
        reason: &str,
    ) {
        self.note(|seen, now| {
            let entry = match shown.worth {
                Worth::Names | Worth::Fingerprint(_) => Some(shown.fingerprint.to_string()),
                Worth::Nothing(_) => None,
            };
            seen.unknown_certificate =
                Some(CertificateSighting { at: now, names, entry, reason: reason.to_owned() });
        });
    }

    /// A message was accepted from it.
    pub fn note_message(&self, id: MessageId, octets: u64) {
        self.note(|seen, now| {
            seen.counts.messages += 1;
            seen.counts.octets = seen.counts.octets.saturating_add(octets);
            seen.last_message = Some(MessageSighting { at: now, id, octets });
        });
    }

    /// It does something against the standards. The log hears of it for the first time only, and
    /// not of strangers.
    pub fn note_quirks(&self, quirks: &BTreeSet<Quirk>) {
        if !quirks.is_empty() {
            self.note(|seen, now| self.add_quirks(seen, quirks, now));
        }
    }

    /// It is gone.
    pub fn note_parting(&self, parting: Parting<'_>) {
        let Parting { helo, tls, mechanism, quirks, dialogue } = parting;
        self.note(|seen, now| {
            if !helo.is_empty() {
                seen.helo = Some(helo.to_owned());
            }
            if let Some(mechanism) = mechanism {
                seen.mechanism = Some(mechanism.to_owned());
            }
            seen.tls = tls;
            self.add_quirks(seen, quirks, now);
            // A dialogue with trouble is what the administrator looks for: the next good one must
            // not take its place.
            let place = if dialogue.trouble.is_some() {
                &mut seen.last_trouble
            } else {
                &mut seen.last_dialogue
            };
            *place = Some(dialogue);
        });
    }

    fn add_quirks(&self, seen: &mut Sighting, quirks: &BTreeSet<Quirk>, now: Timestamp) {
        for quirk in quirks {
            let known = seen.quirks.get(quirk).map_or(0, |known| known.connections);
            if let (0, Some(device)) = (known, self.device()) {
                info!(device = %device.name, peer = %self.peer, quirk = quirk.name(), "quirk");
            }
            seen.quirks.insert(
                *quirk,
                QuirkSighting { connections: known.saturating_add(1), last_seen: now },
            );
        }
    }

    fn note_login(&self, login: &LoggedIn) {
        // It has shown what it is; what was seen of it before the login is of no use.
        let before = self.device().map(|device| &device.name);
        let device = &login.device.settings.name;
        if before.is_none() {
            self.registry.sightings.forget_stranger(self.peer);
        }
        let now = self.registry.clock.now();
        self.registry.sightings.note(Some(device), self.peer, now, |seen| {
            if before != Some(device) {
                seen.counts.connections += 1;
            }
            seen.login = Some(LoginSighting {
                at: now,
                user: Some(login.user.as_ref().to_owned()),
                outcome: LoginOutcome::Right,
            });
        });
    }

    fn note_failed_login(&self, cause: LoginRefusal, name: &str) {
        let outcome = match cause {
            LoginRefusal::Wrong => LoginOutcome::Wrong,
            LoginRefusal::TooMany => LoginOutcome::TooMany,
        };
        let user = self.registry.users.known(name).map(str::to_owned);
        self.note(|seen, now| seen.login = Some(LoginSighting { at: now, user, outcome }));
    }

    fn note_refusal(&self, kind: RefusalKind, about: Option<Address>, reply: &Reply) {
        self.note(|seen, now| {
            seen.counts.refusals += 1;
            seen.last_refusal =
                Some(RefusalSighting { at: now, kind, about, reply: reply.clone() });
        });
    }

    fn note(&self, change: impl FnOnce(&mut Sighting, Timestamp)) {
        let now = self.registry.clock.now();
        let device = self.device().map(|device| &device.name);
        self.registry.sightings.note(device, self.peer, now, |seen| change(seen, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        device::{DeviceSettings, Devices, PasswordSource, UserSettings, fixture},
        model::Secret,
    };

    const PEER: &str = "192.168.10.9";

    fn restricted() -> DeviceSettings {
        DeviceSettings {
            senders: vec!["*@contoso.com".parse().unwrap()],
            recipients: vec![
                "*@contoso.com".parse().unwrap(),
                "postmaster@example.com".parse().unwrap(),
            ],
            max_message: ByteSize::from_mebibytes(50),
            ..fixture::device("printers", &["192.168.10.0/24"])
        }
    }

    fn client(device: DeviceSettings) -> Client {
        fixture::devices(vec![device], vec![fixture::user("mfp1", "printers", "geheim")])
            .identify(PEER.parse().unwrap())
    }

    fn check<T>(answer: Result<T, Reply>, expected: &str) {
        assert_eq!(answer.err().map_or("ok".to_owned(), |reply| reply.to_string()), expected);
    }

    fn from(address: &str) -> ReversePath {
        ReversePath::Mailbox(address.parse().unwrap())
    }

    fn plain(user: &str, password: &str) -> Login {
        Login::Password { user: user.into(), password: Secret::new(password.into()) }
    }

    #[test]
    fn a_sender_must_be_among_those_of_the_device() {
        let client = client(restricted());
        check(client.permit_sender(&from("Scan@Contoso.com"), None), "ok");
        check(client.permit_sender(&ReversePath::Null, None), "ok");
        check(
            client.permit_sender(&from("scan@fabrikam.com"), None),
            "550 5.7.1 <scan@fabrikam.com> is not among the senders of device \"printers\"; add it \
            to its senders in the configuration",
        );
    }

    #[test]
    fn a_recipient_must_be_among_those_of_the_device() {
        let client = client(restricted());
        check(client.permit_recipient(&"anna@contoso.com".parse().unwrap()), "ok");
        check(
            client.permit_recipient(&"anna@example.com".parse().unwrap()),
            "550 5.7.1 <anna@example.com> is not among the recipients of device \"printers\"; add \
            it to its recipients in the configuration",
        );
    }

    #[test]
    fn a_message_declared_too_large_is_refused_before_it_is_sent() {
        let client = client(restricted());
        check(
            client.permit_sender(&from("a@contoso.com"), Some(ByteSize::from_mebibytes(50))),
            "ok",
        );
        check(
            client.permit_sender(
                &from("a@contoso.com"),
                Some(ByteSize::from_octets(50 * 1024 * 1024 + 1)),
            ),
            "552 5.3.4 too large: max_message of device \"printers\" is 50MB",
        );
    }

    #[test]
    fn a_stranger_may_not_send_and_is_told_which_setting_would_let_it() {
        let devices = fixture::devices(vec![restricted()], Vec::new());
        let stranger = devices.identify("::ffff:192.168.7.9".parse().unwrap());
        let text = "550 5.7.1 192.168.7.9 is not in any device's networks; add it to [[device]] \
            networks in the configuration";
        check(stranger.permit_sender(&from("a@contoso.com"), None), text);
        check(stranger.permit_sender(&ReversePath::Null, None), text);
        check(stranger.permit_recipient(&"anna@contoso.com".parse().unwrap()), text);
        assert_eq!(devices.strangers()[0].last_refusal.as_ref().unwrap().reply.to_string(), text);
    }

    #[test]
    fn a_device_that_must_log_in_may_send_after_it_did() {
        let client = client(DeviceSettings { auth: DeviceAuth::Required, ..restricted() });
        let refusal = "530 5.7.0 log in first: device \"printers\" has auth = \"required\"";
        check(client.permit_sender(&from("a@contoso.com"), None), refusal);
        let (client, user) = client.log_in(&plain("CONTOSO\\MFP1", "geheim")).unwrap();
        assert_eq!(user, "mfp1");
        check(client.permit_sender(&from("a@contoso.com"), None), "ok");
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_login_by_pop_its_address_may_send_for_as_long_as_the_window_says() {
        let devices =
            fixture::devices(vec![restricted()], vec![fixture::user("mfp1", "printers", "geheim")]);
        let identify = |peer: &str| devices.identify(peer.parse().unwrap());
        let pop = |password: &str| PopLogin::Password {
            user: "mfp1".into(),
            password: Secret::new(password.into()),
        };
        let window = Duration::from_secs(600);
        assert_eq!(
            identify("172.16.0.1").log_in_by_pop(&pop("falsch"), None, window),
            PopAnswer::Wrong
        );
        assert!(identify("172.16.0.1").device().is_none());
        let early = identify("172.16.0.1");
        assert!(early.after_pop().is_none());
        assert_eq!(
            identify("172.16.0.1").log_in_by_pop(&pop("geheim"), None, window),
            PopAnswer::Right
        );
        // Connected before the login, it is known after it.
        assert_eq!(early.after_pop().unwrap().user(), Some("mfp1"));
        assert_eq!(identify("172.16.0.1").user(), Some("mfp1"));
        check(identify("172.16.0.1").permit_sender(&from("a@contoso.com"), None), "ok");
        assert!(identify("172.16.0.2").device().is_none());
        tokio::time::advance(Duration::from_secs(601)).await;
        assert!(identify("172.16.0.1").device().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn an_apop_digest_opens_the_window_too() {
        let devices = fixture::devices(
            vec![restricted()],
            vec![fixture::user("mrose", "printers", "tanstaaf")],
        );
        let client = devices.identify("172.16.0.1".parse().unwrap());
        // RFC 1939 7, the example of APOP.
        let apop = PopLogin::Apop {
            user: "mrose".into(),
            timestamp: "<1896.697170952@dbc.mtview.ca.us>".into(),
            digest: "c4c9334bac560ecc979e58001b3e22fb".into(),
        };
        assert_eq!(client.log_in_by_pop(&apop, None, Duration::from_secs(600)), PopAnswer::Right);
    }

    #[test]
    fn a_stranger_becomes_the_device_of_its_user() {
        let devices =
            fixture::devices(vec![restricted()], vec![fixture::user("mfp1", "printers", "geheim")]);
        let stranger = devices.identify("172.16.0.1".parse().unwrap());
        check(
            stranger.permit_sender(&from("a@contoso.com"), None),
            "550 5.7.1 172.16.0.1 is not in any device's networks; log in, or add it to [[device]] \
            networks in the configuration",
        );
        let (client, _) = stranger.log_in(&plain("mfp1@contoso.com", "geheim")).unwrap();
        assert_eq!(client.device().unwrap().name.as_str(), "printers");
        check(client.permit_sender(&from("a@contoso.com"), None), "ok");
    }

    #[tokio::test(start_paused = true)]
    async fn all_connections_of_a_device_share_its_messages_per_minute() {
        let devices = fixture::devices(
            vec![DeviceSettings { messages_per_minute: Some(2), ..restricted() }],
            Vec::new(),
        );
        let (one, other) = (
            devices.identify(PEER.parse().unwrap()),
            devices.identify("192.168.10.10".parse().unwrap()),
        );
        check(one.permit_sender(&from("a@contoso.com"), None), "ok");
        // What is refused for another reason does not count.
        assert!(one.permit_sender(&from("a@fabrikam.com"), None).is_err());
        check(other.permit_sender(&from("a@contoso.com"), None), "ok");
        let refusal =
            "450 4.7.1 too fast: messages_per_minute of device \"printers\" is 2; try again later";
        check(one.permit_sender(&from("a@contoso.com"), None), refusal);
        tokio::time::advance(Duration::from_secs(31)).await;
        check(one.permit_sender(&from("a@contoso.com"), None), "ok");
    }

    fn fail(client: &Client, user: &str, times: usize) {
        for _ in 0..times {
            assert!(client.log_in(&plain(user, "falsch")).is_err());
        }
    }

    const WRONG: &str = "535 5.7.8 Authentication credentials invalid";
    const TOO_MANY: &str = "454 4.7.0 Too many failed logins; try again later";

    fn two_users() -> Devices {
        let users = vec![
            fixture::user("mfp1", "printers", "geheim"),
            fixture::user("erp", "printers", "geheim"),
        ];
        fixture::devices(vec![restricted()], users)
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_fails_too_often_waits_whether_the_user_exists_or_not() {
        for user in ["mfp1", "nobody"] {
            let devices = two_users();
            let client = devices.identify(PEER.parse().unwrap());
            fail(&client, user, 10);
            check(client.log_in(&plain(user, "falsch")), WRONG);
            check(client.log_in(&plain("erp", "geheim")), TOO_MANY);
            check(
                devices.identify("192.168.10.10".parse().unwrap()).log_in(&plain("erp", "geheim")),
                "ok",
            );
            tokio::time::advance(Duration::from_secs(31)).await;
            check(client.log_in(&plain("erp", "geheim")), "ok");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_user_tried_from_many_addresses_waits_everywhere_but_where_it_logged_in() {
        let devices = two_users();
        let home = devices.identify(PEER.parse().unwrap());
        check(home.log_in(&plain("mfp1", "geheim")), "ok");
        for n in 0..8 {
            fail(&devices.identify(format!("10.0.0.{n}").parse().unwrap()), "mfp1", 4);
        }
        check(
            devices.identify("10.0.0.99".parse().unwrap()).log_in(&plain("mfp1", "geheim")),
            TOO_MANY,
        );
        check(home.log_in(&plain("mfp1", "geheim")), "ok");
    }

    #[tokio::test(start_paused = true)]
    async fn a_program_with_a_wrong_password_does_not_lock_out_another_on_the_same_server() {
        let client = two_users().identify(PEER.parse().unwrap());
        check(client.log_in(&plain("mfp1", "geheim")), "ok");
        fail(&client, "erp", 20);
        check(client.log_in(&plain("mfp1", "geheim")), "ok");
        // Nor may it use that to guess.
        fail(&client, "mfp1", 11);
        check(client.log_in(&plain("mfp1", "geheim")), TOO_MANY);
    }

    #[test]
    fn an_unknown_user_costs_what_a_wrong_password_costs() {
        let hashed = UserSettings {
            password: PasswordSource::Argon2("$argon2id$…".into()),
            ..fixture::user("mfp1", "printers", "")
        };
        let client = fixture::devices(
            vec![restricted()],
            vec![fixture::user("mfp2", "printers", "geheim"), hashed],
        )
        .identify(PEER.parse().unwrap());
        for user in ["mfp1", "mfp2", "nobody"] {
            // What takes long is the hash, whoever's it is.
            let hashes = std::cell::Cell::new(0);
            let matches = |stored: &PasswordSource| {
                hashes.set(hashes.get() + u32::from(matches!(stored, PasswordSource::Argon2(_))));
                false
            };
            assert!(client.registry.users.verify(client.peer(), user, matches).is_err());
            assert_eq!(hashes.get(), 1, "{user}");
        }
    }
}
