//! Telling people by e-mail.

use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{Message, SmtpTransport, Transport as _};

use super::config::{Mail, Tls};
use super::{Outgoing, Sent, Teller};

/// For one answer of the server.
const TIME: Duration = Duration::from_secs(10);

impl Teller {
    pub(super) fn mailed(&self, outgoing: &Outgoing, person: &str) -> Sent {
        let mail = self.config.notify.mail.as_ref();
        let known = mail.and_then(|mail| Some((mail, mail.people.get(person)?)));
        let Some((mail, address)) = known else {
            return Sent::Refused("the file names no address of this person".to_owned());
        };
        let page = self.page(outgoing);
        let (subject, text) = if outgoing.kind == "override" {
            let text = format!(
                "Somebody allowed a call of an agent by break-glass, in the place of those who were asked. \
                 Read what, who and why here:\n\n{page}\n\nYou are asked to log in there.\n"
            );
            ("A call was allowed by break-glass", text)
        } else {
            let text = format!(
                "An agent waits for your yes or no. Read what it asks, and answer, here:\n\n{page}\n\n\
                 You are asked to log in there. The page of the broker is the only place to answer: \
                 nobody needs your answer by e-mail.\n"
            );
            ("An agent waits for your answer", text)
        };
        let message = Message::builder()
            .from(mail.from.clone())
            .to(Mailbox::new(None, address.clone()))
            .subject(subject)
            // What is sent twice is one message.
            .message_id(Some(format!("<{}@{}>", outgoing.id, self.config.rp_id())))
            .header(ContentType::TEXT_PLAIN)
            .body(text);
        let sent = match message {
            Ok(message) => mail.transport().and_then(|it| it.send(&message)),
            Err(error) => return Sent::Refused(error.to_string()),
        };
        match sent {
            Ok(_) => Sent::Taken,
            Err(error) if error.is_permanent() => Sent::Refused(error.to_string()),
            Err(error) => Sent::Failed(error.to_string()),
        }
    }
}

impl Mail {
    fn transport(&self) -> Result<SmtpTransport, lettre::transport::smtp::Error> {
        let mut builder = match self.tls {
            Tls::Whole => SmtpTransport::relay(&self.host)?,
            Tls::Started => SmtpTransport::starttls_relay(&self.host)?,
            Tls::Own => SmtpTransport::builder_dangerous(&self.host),
        };
        builder = builder.timeout(Some(TIME));
        if let Some(port) = self.port {
            builder = builder.port(port);
        }
        if let Some((user, password)) = &self.login {
            builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
        }
        Ok(builder.build())
    }
}
