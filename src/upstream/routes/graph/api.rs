//! The requests to Graph, and their answers in the form that `classify` judges.

use base64::{Engine, prelude::BASE64_STANDARD};
use hyper::{Request, Response, body::Bytes, header};
use serde::Deserialize;

use crate::{
    classify::GraphAnswer,
    http::{HttpClient, HttpError, body, retry_after},
    model::{Address, Secret},
};

/// The endpoints of one mailbox.
pub(super) struct Api {
    http: HttpClient,
    /// `https://graph.microsoft.com/v1.0/users/scanner@contoso.com`.
    base: String,
}

/// A message that is already in the mailbox.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Found {
    #[serde(default)]
    is_draft: bool,
    #[serde(default)]
    to_recipients: Vec<Named>,
    #[serde(default)]
    cc_recipients: Vec<Named>,
    #[serde(default)]
    bcc_recipients: Vec<Named>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    email_address: EmailAddress,
}

#[derive(Deserialize)]
struct EmailAddress {
    #[serde(default)]
    address: String,
}

#[derive(Deserialize)]
struct Page {
    value: Vec<Found>,
}

/// Microsoft, "Microsoft Graph error responses and resource types".
#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorFields,
}

#[derive(Deserialize)]
struct ErrorFields {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Api {
    pub(super) fn new(http: HttpClient, host: &str, port: u16, mailbox: &Address) -> Self {
        let mailbox = in_path(mailbox.as_str());
        Self { http, base: format!("https://{host}:{port}/v1.0/users/{mailbox}") }
    }

    /// Sends a message in MIME form.
    pub(super) async fn send_mail(
        &self,
        token: &Secret,
        text: &[u8],
    ) -> Result<GraphAnswer, HttpError> {
        let request = Request::post(format!("{}/sendMail", self.base))
            .header(header::CONTENT_TYPE, "text/plain")
            .header(header::AUTHORIZATION, format!("Bearer {}", token.expose()))
            .body(body::whole(BASE64_STANDARD.encode(text)));
        // Every part of the request was checked when the settings were read.
        let Ok(request) = request else { return Ok(GraphAnswer::default()) };
        Ok(answer(&self.http.send(request).await?))
    }

    /// The messages with this `Message-ID` in the mailbox, or the answer that refuses to say.
    pub(super) async fn find(
        &self,
        token: &Secret,
        message_id: &str,
    ) -> Result<Result<Vec<Found>, GraphAnswer>, HttpError> {
        let filter = format!("internetMessageId eq '{}'", message_id.replace('\'', "''"));
        let fields = "isDraft,toRecipients,ccRecipients,bccRecipients";
        let query = format!("$filter={}&$select={fields}", in_path(&filter));
        let request = Request::get(format!("{}/messages?{query}", self.base))
            .header(header::AUTHORIZATION, format!("Bearer {}", token.expose()))
            .body(body::empty());
        let Ok(request) = request else { return Ok(Err(GraphAnswer::default())) };
        let response = self.http.send(request).await?;
        match serde_json::from_slice::<Page>(response.body()) {
            Ok(page) if response.status() == 200 => Ok(Ok(page.value)),
            _refused => Ok(Err(answer(&response))),
        }
    }
}

impl Found {
    /// Whether this is the message for all of these recipients, and was sent.
    pub(super) fn was_sent_to<'a>(
        &self,
        mut recipients: impl Iterator<Item = &'a Address>,
    ) -> bool {
        let fields = [&self.to_recipients, &self.cc_recipients, &self.bcc_recipients];
        let named: Vec<&str> =
            fields.into_iter().flatten().map(|one| one.email_address.address.as_str()).collect();
        let has = |recipient: &Address| {
            named.iter().any(|address| address.eq_ignore_ascii_case(recipient.as_str()))
        };
        !self.is_draft && recipients.all(has)
    }
}

fn answer(response: &Response<Bytes>) -> GraphAnswer {
    let (code, message) = serde_json::from_slice::<ErrorBody>(response.body())
        .map(|body| (body.error.code, body.error.message))
        .unwrap_or_default();
    let id = response.headers().get("request-id").and_then(|id| id.to_str().ok());
    GraphAnswer {
        status: response.status().as_u16(),
        code,
        message,
        request_id: id.unwrap_or_default().to_owned(),
        retry_after: retry_after(response.headers()),
    }
}

/// RFC 3986 2.1: what may not stand in a URL as it is.
fn in_path(text: &str) -> String {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~@$'".contains(&octet);
    text.bytes()
        .map(
            |octet| {
                if plain(octet) { char::from(octet).to_string() } else { format!("%{octet:02X}") }
            },
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_not_stand_in_a_url_is_encoded() {
        assert_eq!(in_path("a'b+c@contoso.com"), "a'b%2Bc@contoso.com");
        assert_eq!(in_path("x eq '<1@c>'"), "x%20eq%20'%3C1@c%3E'");
    }

    #[test]
    fn a_copy_for_others_is_not_this_message() {
        let page = r#"{"value": [{"id": "1", "isDraft": false, "toRecipients":
            [{"emailAddress": {"name": "Ann", "address": "Ann@contoso.com"}}],
            "bccRecipients": [{"emailAddress": {"address": "bob@contoso.com"}}]}]}"#;
        let found = serde_json::from_str::<Page>(page).unwrap().value.remove(0);
        let check = |recipients: &[&str], expected: bool| {
            let recipients: Vec<Address> =
                recipients.iter().map(|address| address.parse().unwrap()).collect();
            assert_eq!(found.was_sent_to(recipients.iter()), expected, "{recipients:?}");
        };
        check(&["ann@contoso.com"], true);
        check(&["bob@contoso.com", "ann@contoso.com"], true);
        check(&["ann@contoso.com", "carl@contoso.com"], false);
    }
}
