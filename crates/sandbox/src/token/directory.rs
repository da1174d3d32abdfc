//! The tenants and applications in the directory, and the authentication of an application.

use crate::{
    Application, Unlisted,
    token::{
        assertion::{self, AssertionError},
        exchange::{Answer, Form},
    },
};
use postroom_core::model::{Address, Timestamp};

/// The contents of the directory.
pub(crate) struct Directory<'a> {
    pub(crate) application: &'a Application,
    pub(crate) domains: &'a [String],
    pub(crate) unlisted: Unlisted,
    pub(crate) user: Option<&'a Address>,
}

impl Directory<'_> {
    fn is_open(&self) -> bool {
        match self.unlisted {
            Unlisted::Admitted => true,
            Unlisted::Refused => false,
        }
    }

    pub(super) fn knows(&self, name: &str, form: &Form, now: Timestamp) -> Result<(), Answer> {
        if self.is_open() {
            return Ok(());
        }
        let named = name.eq_ignore_ascii_case(&self.application.directory)
            || self.domains.iter().any(|domain| domain.eq_ignore_ascii_case(name));
        if !named {
            let text = format!(
                "AADSTS90002: Tenant '{name}' not found. Check to make sure you have the correct \
                tenant ID."
            );
            return Err(Answer::refusal(400, "invalid_request", &text, now));
        }
        let client = form.field("client_id");
        if !client.eq_ignore_ascii_case(&self.application.client_id) {
            let text = format!(
                "AADSTS700016: Application with identifier '{client}' was not found in the \
                directory '{name}'."
            );
            return Err(Answer::refusal(400, "unauthorized_client", &text, now));
        }
        Ok(())
    }

    /// Authenticates the application by secret or certificate.
    pub(super) fn authenticate(
        &self,
        name: &str,
        form: &Form,
        now: Timestamp,
    ) -> Result<(), Answer> {
        let assertion = form.field("client_assertion");
        let refused = |text: &str| Err(Answer::refusal(401, "invalid_client", text, now));
        if assertion.is_empty() {
            let right =
                self.is_open() || form.field("client_secret") == self.application.secret.expose();
            let wrong = "AADSTS7000215: Invalid client secret provided. Ensure the secret being \
                sent in the request is the client secret value, not the client secret ID.";
            return if right { Ok(()) } else { refused(wrong) };
        }
        if form.field("client_assertion_type")
            != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        {
            return refused(
                "AADSTS50027: JWT token is invalid or malformed: client_assertion_type.",
            );
        }
        let Some(certificate) = &self.application.certificate else {
            return if self.is_open() {
                Ok(())
            } else {
                refused("AADSTS700027: No certificate is registered on application.")
            };
        };
        match assertion::verify(assertion, certificate, form.field("client_id"), name, now) {
            Ok(()) => Ok(()),
            Err(AssertionError::UnknownKey) => refused(
                "AADSTS700027: The certificate with identifier used to sign the client assertion \
                is not registered on application.",
            ),
            Err(AssertionError::BadSignature) => {
                refused("AADSTS700027: Client assertion contains an invalid signature.")
            }
            Err(AssertionError::Malformed(what)) => {
                refused(&format!("AADSTS50027: JWT token is invalid or malformed: {what}."))
            }
            Err(AssertionError::NotNow) => {
                refused("AADSTS700024: Client assertion is not within its valid time range.")
            }
        }
    }
}
