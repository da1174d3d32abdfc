//! Which client certificates are accepted.

use std::fs;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType, date_time_ymd,
};

use super::*;

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

fn authority() -> Authority {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = parameters.self_signed(&key).unwrap().pem();
    Authority { issuer: Issuer::new(parameters, key), pem }
}

/// Good until 2030.
fn device(by: &Authority) -> CertificateDer<'static> {
    let mut parameters = CertificateParams::new(vec!["mfp7.contoso.lan".to_owned()]).unwrap();
    parameters.distinguished_name.push(DnType::CommonName, "Printer 7");
    parameters.subject_alt_names.push(SanType::Rfc822Name("mfp7@contoso.com".try_into().unwrap()));
    (parameters.not_before, parameters.not_after) =
        (date_time_ymd(2020, 1, 1), date_time_ymd(2030, 1, 1));
    parameters.signed_by(&KeyPair::generate().unwrap(), &by.issuer).unwrap().der().clone()
}

fn for_servers(by: &Authority) -> CertificateDer<'static> {
    let mut parameters = CertificateParams::new(vec!["mfp7.contoso.lan".to_owned()]).unwrap();
    parameters.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    parameters.signed_by(&KeyPair::generate().unwrap(), &by.issuer).unwrap().der().clone()
}

fn judge(ca: Option<&Authority>) -> Judge {
    let folder = tempfile::tempdir().unwrap();
    let path = ca.map(|ca| {
        let path = folder.path().join("ca.pem");
        fs::write(&path, &ca.pem).unwrap();
        path
    });
    Judge::load(
        &ClientCertificates::Asked { ca: path },
        &Arc::new(rustls::crypto::ring::default_provider()),
    )
    .unwrap()
}

const IN_2026: Timestamp = Timestamp::from_millis(1_790_000_000_000);
const IN_2033: Timestamp = Timestamp::from_millis(2_000_000_000_000);

#[test]
fn names_count_only_where_somebody_vouches_for_them_and_in_their_time() {
    let (ours, other) = (authority(), authority());
    let shown = device(&ours);
    let read = |judge: &Judge, shown: &CertificateDer<'_>, now| {
        judge.read(std::slice::from_ref(shown), now).unwrap()
    };
    let good = read(&judge(Some(&ours)), &shown, IN_2026);
    assert_eq!(good.names, ["Printer 7", "mfp7.contoso.lan", "mfp7@contoso.com"]);
    assert_eq!(good.worth, Worth::Names);
    let why = |judge: &Judge, shown: &CertificateDer<'_>, now| match read(judge, shown, now).worth {
        Worth::Fingerprint(reason) => reason,
        worth @ (Worth::Names | Worth::Nothing(_)) => panic!("{worth:?}"),
    };
    assert_eq!(why(&judge(Some(&ours)), &shown, IN_2033), "it has expired");
    assert_eq!(
        why(&judge(Some(&ours)), &device(&other), IN_2026),
        "it was not issued by client_ca"
    );
    assert_eq!(
        why(&judge(Some(&ours)), &for_servers(&ours), IN_2026),
        "it is only for servers; the device needs one for client authentication"
    );
    assert!(why(&judge(None), &shown, IN_2026).contains("without client_ca"));
}

#[test]
fn a_fingerprint_is_that_of_the_certificate_alone_whoever_vouches_for_it() {
    let ours = authority();
    let shown = device(&ours);
    let expected = Fingerprint(Sha256::digest(&shown).into());
    for judge in [judge(Some(&ours)), judge(None)] {
        assert_eq!(
            judge.read(&[shown.clone(), device(&ours)], IN_2033).unwrap().fingerprint,
            expected
        );
    }
}

#[test]
fn what_is_no_certificate_identifies_nobody() {
    let judge = judge(None);
    assert_eq!(judge.read(&[], IN_2026), None);
    assert_eq!(judge.read(&[CertificateDer::from(vec![0x30, 0x00])], IN_2026), None);
}

#[cfg(feature = "legacy-tls")]
#[test]
fn a_certificate_of_the_first_version_is_worth_nothing_and_says_why() {
    use openssl::{asn1::Asn1Time, ec, hash::MessageDigest, nid::Nid, pkey::PKey, x509};
    let group = ec::EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(ec::EcKey::generate(&group).unwrap()).unwrap();
    let mut name = x509::X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "mfp7.contoso.lan").unwrap();
    let name = name.build();
    let mut builder = x509::X509::builder().unwrap();
    builder.set_version(0).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(1_600_000_000).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(1_900_000_000).unwrap()).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let shown = CertificateDer::from(builder.build().to_der().unwrap());
    let read = judge(None).read(&[shown], IN_2026).unwrap();
    assert_eq!(
        (read.names.as_slice(), read.worth),
        (["mfp7.contoso.lan".to_owned()].as_slice(), Worth::Nothing(OLD_FORM.to_owned()))
    );
}

#[test]
fn a_file_that_is_no_authority_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    fs::write(&path, "geheim").unwrap();
    let settings = ClientCertificates::Asked { ca: Some(path) };
    let error = Judge::load(&settings, &Arc::new(rustls::crypto::ring::default_provider()))
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("ca.pem") && !error.contains("geheim"), "{error}");
}
