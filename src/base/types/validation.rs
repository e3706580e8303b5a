//! What all of these types have in common.

/// A value that is not what its kind allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind} ({form})")]
pub struct Invalid {
    /// What was expected, for example `host name`.
    pub kind: &'static str,
    /// The form that is accepted, in words.
    pub form: &'static str,
}

/// Declares a string type that can only be made from text its check accepts.
macro_rules! validated {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $form:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String")]
        #[allow(unreachable_pub, reason = "acceptance tests use one of them")]
        pub struct $name(String);

        #[allow(dead_code, unreachable_pub, reason = "not every type is shown, and not everywhere")]
        impl $name {
            /// Accepts `text` when it has the form of this type.
            pub fn parse(text: &str) -> Result<Self, $crate::base::types::Invalid> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err($crate::base::types::Invalid { kind: $kind, form: $form })
                }
            }

            /// The text, known to have the form of this type.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::base::types::Invalid;

            fn try_from(text: String) -> Result<Self, $crate::base::types::Invalid> {
                Self::parse(&text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::base::types::Invalid;

            fn from_str(text: &str) -> Result<Self, $crate::base::types::Invalid> {
                Self::parse(text)
            }
        }
    };
}
pub(crate) use validated;

pub(super) fn begins_with(text: &str, allowed: fn(char) -> bool) -> bool {
    text.chars().next().is_some_and(allowed)
}
