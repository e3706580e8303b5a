//! What ring lacks of the elliptic curves: P-521, and SHA-512 with keys on the others. Whoever makes
//! certificates with `openssl` chooses curve and digest independently, and Go's clients take all of them.

use std::sync::{Arc, LazyLock};

use p521::ecdh::EphemeralSecret;
use p521::ecdsa::signature::hazmat::PrehashVerifier;
use p521::elliptic_curve::rand_core::OsRng;
use p521::pkcs8::DecodePrivateKey;
use rustls::crypto::{
    ActiveKeyExchange, CryptoProvider, SharedSecret, SupportedKxGroup, WebPkiSupportedAlgorithms, ring,
};
use rustls::pki_types::{
    AlgorithmIdentifier, InvalidSignature, PrivateKeyDer, SignatureVerificationAlgorithm,
    SubjectPublicKeyInfoDer, alg_id,
};
use rustls::sign::{Signer, SigningKey};
use rustls::{Error, NamedGroup, PeerMisbehaved, SignatureAlgorithm, SignatureScheme};
use sha2::{Digest, Sha256, Sha384, Sha512};

/// ring's provider with the signatures of this module. Its private keys are ring's; see [`P521Key`].
pub(super) fn provider() -> CryptoProvider {
    let ring = ring::default_provider();
    // The last one, so that no key for it is made unless a server wants one.
    let kx_groups = [ring.kx_groups, vec![&P521Group as _]].concat();
    CryptoProvider { kx_groups, signature_verification_algorithms: *ALGORITHMS, ..ring }
}

/// Without it, servers that speak no TLS 1.3 do not show a certificate on P-521 (RFC 8422, 5.1).
#[derive(Debug)]
struct P521Group;

impl SupportedKxGroup for P521Group {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let secret = EphemeralSecret::random(&mut OsRng);
        let public_key = p521::EncodedPoint::from(secret.public_key()).as_bytes().to_vec();
        Ok(Box::new(P521Exchange { secret, public_key }))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::secp521r1
    }
}

struct P521Exchange {
    secret: EphemeralSecret,
    public_key: Vec<u8>,
}

impl ActiveKeyExchange for P521Exchange {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let peer = p521::PublicKey::from_sec1_bytes(peer).map_err(|_| PeerMisbehaved::InvalidKeyShare)?;
        Ok(self.secret.diffie_hellman(&peer).raw_secret_bytes().as_slice().into())
    }

    fn pub_key(&self) -> &[u8] {
        &self.public_key
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::secp521r1
    }
}

static ALGORITHMS: LazyLock<WebPkiSupportedAlgorithms> = LazyLock::new(|| {
    let ring = ring::default_provider().signature_verification_algorithms;
    let mapping = ring.mapping.iter().map(|(scheme, algorithms)| {
        let mut algorithms = algorithms.to_vec();
        // In TLS 1.2 a scheme says only which digest it is; in TLS 1.3 the first of these counts.
        match scheme {
            SignatureScheme::ECDSA_NISTP256_SHA256 => algorithms.push(&P521_SHA256),
            SignatureScheme::ECDSA_NISTP384_SHA384 => algorithms.push(&P521_SHA384),
            _ => {}
        }
        (*scheme, &*algorithms.leak())
    });
    let mapping = mapping.chain([(SignatureScheme::ECDSA_NISTP521_SHA512, &WITH_SHA512[..])]);
    let all = ring
        .all
        .iter()
        .copied()
        .chain(WITH_SHA512)
        .chain([&P521_SHA384 as VerificationAlgorithm, &P521_SHA256]);
    WebPkiSupportedAlgorithms {
        all: all.collect::<Vec<_>>().leak(),
        mapping: mapping.collect::<Vec<_>>().leak(),
    }
});

/// How a signature is verified.
pub(super) type VerificationAlgorithm = &'static dyn SignatureVerificationAlgorithm;
static WITH_SHA512: [VerificationAlgorithm; 3] = [&P521_SHA512, &P384_SHA512, &P256_SHA512];

/// A private key on P-521, for signatures of the client.
#[derive(Clone)]
pub(super) struct P521Key {
    key: Arc<p521::ecdsa::SigningKey>,
    public_key: SubjectPublicKeyInfoDer<'static>,
}

impl P521Key {
    /// None when `key` is of another kind.
    pub(super) fn new(key: &PrivateKeyDer) -> Option<Self> {
        let key = match key {
            PrivateKeyDer::Sec1(der) => p521::SecretKey::from_sec1_der(der.secret_sec1_der()).ok()?,
            PrivateKeyDer::Pkcs8(der) => p521::SecretKey::from_pkcs8_der(der.secret_pkcs8_der()).ok()?,
            _ => return None,
        };
        let key = p521::ecdsa::SigningKey::from_slice(&key.to_bytes()).ok()?;
        let point = p521::ecdsa::VerifyingKey::from(&key).to_encoded_point(false);
        let public_key = rustls::sign::public_key_to_spki(&alg_id::ECDSA_P521, point.as_bytes());
        Some(Self { key: Arc::new(key), public_key })
    }
}

impl std::fmt::Debug for P521Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("P521Key")
    }
}

impl SigningKey for P521Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered.contains(&SignatureScheme::ECDSA_NISTP521_SHA512).then(|| Box::new(self.clone()) as _)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(self.public_key.clone())
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for P521Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        use p521::ecdsa::signature::hazmat::RandomizedPrehashSigner;
        let signature: p521::ecdsa::Signature = self
            .key
            .sign_prehash_with_rng(&mut OsRng, &Sha512::digest(message))
            .map_err(|_| Error::General("P-521".to_owned()))?;
        Ok(signature.to_der().as_bytes().to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP521_SHA512
    }
}

/// A curve, a digest, and how a signature with them is verified.
struct CurveAlgorithm {
    public_key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
    digest: fn(&[u8]) -> Vec<u8>,
    /// Of the public key, the digest and the signature in DER.
    is_valid: fn(&[u8], &[u8], &[u8]) -> bool,
}

impl std::fmt::Debug for CurveAlgorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Algorithm").field("signature", &self.signature).finish_non_exhaustive()
    }
}

impl SignatureVerificationAlgorithm for CurveAlgorithm {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let digest = (self.digest)(message);
        (self.is_valid)(public_key, &digest, signature).then_some(()).ok_or(InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.public_key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

static P521_SHA512: CurveAlgorithm =
    CurveAlgorithm { signature: alg_id::ECDSA_SHA512, digest: |text| Sha512::digest(text).to_vec(), ..P521 };
static P521_SHA384: CurveAlgorithm =
    CurveAlgorithm { signature: alg_id::ECDSA_SHA384, digest: |text| Sha384::digest(text).to_vec(), ..P521 };
static P521_SHA256: CurveAlgorithm =
    CurveAlgorithm { signature: alg_id::ECDSA_SHA256, digest: |text| Sha256::digest(text).to_vec(), ..P521 };
static P384_SHA512: CurveAlgorithm =
    CurveAlgorithm { public_key: alg_id::ECDSA_P384, is_valid: is_valid_on_p384, ..P521 };
static P256_SHA512: CurveAlgorithm =
    CurveAlgorithm { public_key: alg_id::ECDSA_P256, is_valid: is_valid_on_p256, ..P521 };

const P521: CurveAlgorithm = CurveAlgorithm {
    public_key: alg_id::ECDSA_P521,
    signature: alg_id::ECDSA_SHA512,
    digest: |text| Sha512::digest(text).to_vec(),
    is_valid: is_valid_on_p521,
};

fn is_valid_on_p521(public_key: &[u8], digest: &[u8], signature: &[u8]) -> bool {
    use p521::ecdsa::{Signature, VerifyingKey};
    // As a number it is the same; the library wants at least half the length of one.
    let digest = [&[0; P521_LENGTH][digest.len()..], digest].concat();
    let (Ok(key), Ok(signature)) =
        (VerifyingKey::from_sec1_bytes(public_key), Signature::from_der(signature))
    else {
        return false;
    };
    key.verify_prehash(&digest, &signature).is_ok()
}

fn is_valid_on_p384(public_key: &[u8], digest: &[u8], signature: &[u8]) -> bool {
    use p384::ecdsa::{Signature, VerifyingKey};
    let (Ok(key), Ok(signature)) =
        (VerifyingKey::from_sec1_bytes(public_key), Signature::from_der(signature))
    else {
        return false;
    };
    key.verify_prehash(digest, &signature).is_ok()
}

fn is_valid_on_p256(public_key: &[u8], digest: &[u8], signature: &[u8]) -> bool {
    use p256::ecdsa::{Signature, VerifyingKey};
    let (Ok(key), Ok(signature)) =
        (VerifyingKey::from_sec1_bytes(public_key), Signature::from_der(signature))
    else {
        return false;
    };
    key.verify_prehash(digest, &signature).is_ok()
}

/// Of a number of the field, in bytes.
const P521_LENGTH: usize = 66;
