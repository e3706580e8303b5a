//! Who may do what with a file: its owner and its access control list.

use std::fs::File;
use std::io;
use std::os::windows::io::AsRawHandle;
use std::path::Path;
use std::sync::LazyLock;

use windows_permissions::constants::{SeObjectType, SecurityInformation};
use windows_permissions::wrappers::{
    ConvertSecurityDescriptorToStringSecurityDescriptor, GetSecurityInfo, SetSecurityInfo,
};
use windows_permissions::{LocalBox, SecurityDescriptor};
use winsafe::{ConvertSidToStringSid, HPROCESS, TokenInfo, co};

use super::super::Owner;
use super::super::access_list::{AccessList, READ_CONTROL};
use super::open::{open_itself, open_target};

impl Owner {
    /// Of `path` itself, which may be a link.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        Ok(Security::of(&open_itself(path, READ_CONTROL)?)?.owner())
    }
}

/// The owner and the access control list of a file, a folder or a pipe.
#[derive(Clone, Debug)]
pub(super) struct Security(AccessList);

impl Security {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        Self::of_object(file, SeObjectType::SE_FILE_OBJECT)
    }

    /// Of either end of a named pipe.
    pub(super) fn of_pipe(pipe: &impl AsRawHandle) -> io::Result<Self> {
        Self::of_object(pipe, SeObjectType::SE_KERNEL_OBJECT)
    }

    fn of_object(object: &impl AsRawHandle, kind: SeObjectType) -> io::Result<Self> {
        let what = SecurityInformation::Owner | SecurityInformation::Dacl;
        let found = GetSecurityInfo(object, kind, what)?;
        let text = ConvertSecurityDescriptorToStringSecurityDescriptor(&found, what)?;
        let text = text.to_str().ok_or(io::ErrorKind::InvalidData)?;
        AccessList::parse(text).map(Self).ok_or_else(|| {
            let message = format!("its access control list is not understood: {text}");
            io::Error::new(io::ErrorKind::InvalidData, message)
        })
    }

    /// Of what `path` leads to.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        Self::of(&open_target(path, READ_CONTROL)?)
    }

    pub(super) fn owner(&self) -> Owner {
        match self.0.owner.as_str() {
            owner if owner == USER.as_str() => Owner::User,
            owner if ALMIGHTY.contains(&owner) => Owner::Root,
            _ => Owner::Other,
        }
    }

    /// True for what is the user's own, and nobody's besides.
    pub(super) fn is_private(&self) -> bool {
        self.owner() == Owner::User && !self.lets_others(u32::MAX)
    }

    /// True when others than the user and the almighty may do one of `rights`.
    pub(super) fn lets_others(&self, rights: u32) -> bool {
        let trusted = [ALMIGHTY.as_slice(), &OWNERS, &[USER.as_str()]].concat();
        self.0.lets_others(rights, &trusted)
    }
}

/// Gives what was opened to change its access the access control list `list`, in SDDL, and this user as its owner.
pub(super) fn set(file: &mut File, list: &str, takes_over: TakesOver) -> io::Result<()> {
    set_on(file, SeObjectType::SE_FILE_OBJECT, list, takes_over)
}

/// Keeps all others from opening a named pipe. Of what was opened before nothing is taken back.
pub(super) fn set_on_pipe(pipe: &mut impl AsRawHandle) -> io::Result<()> {
    set_on(pipe, SeObjectType::SE_KERNEL_OBJECT, &format!("D:P(A;;FA;;;{})", user()), TakesOver::Nothing)
}

fn set_on(
    object: &mut impl AsRawHandle,
    kind: SeObjectType,
    list: &str,
    takes_over: TakesOver,
) -> io::Result<()> {
    let wanted: LocalBox<SecurityDescriptor> = format!("O:{}{list}", user()).parse()?;
    let protection = match takes_over {
        TakesOver::Nothing => SecurityInformation::ProtectedDacl,
        TakesOver::FromFolder => SecurityInformation::UnprotectedDacl,
    };
    let what = SecurityInformation::Dacl | protection;
    SetSecurityInfo(object, kind, what, None, None, wanted.dacl(), None)?;
    if Security::of_object(object, kind)?.owner() != Owner::User {
        // What an administrator makes belongs to all of them.
        let what = SecurityInformation::Owner;
        SetSecurityInfo(object, kind, what, wanted.owner(), None, None, None)?;
    }
    Ok(())
}

/// Whether entries of the folder above count too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TakesOver {
    Nothing,
    FromFolder,
}

/// The security identifier of this user.
pub(super) fn user() -> &'static str {
    &USER_ID
}

/// As digits.
static USER_ID: LazyLock<String> = LazyLock::new(|| {
    let token = HPROCESS::GetCurrentProcess().OpenProcessToken(co::TOKEN::QUERY);
    let user =
        token.and_then(|token| match token.GetTokenInformation(co::TOKEN_INFORMATION_CLASS::User)? {
            TokenInfo::User(user) => {
                user.User.Sid().map_or(Ok(String::new()), |sid| ConvertSidToStringSid(sid))
            }
            _ => Ok(String::new()),
        });
    // Without a name nothing is this user's, and nothing can be made private.
    user.unwrap_or_default()
});

/// As Windows writes it: some users have a short name.
static USER: LazyLock<String> = LazyLock::new(|| {
    let short = || -> io::Result<String> {
        let descriptor: LocalBox<SecurityDescriptor> = format!("O:{}", user()).parse()?;
        let what = SecurityInformation::Owner;
        let text = ConvertSecurityDescriptorToStringSecurityDescriptor(&descriptor, what)?;
        Ok(text.to_string_lossy().trim_start_matches("O:").to_owned())
    };
    short().unwrap_or_else(|_| user().to_owned())
});

/// The system, the administrators, and the installer of Windows: no list keeps them out.
const ALMIGHTY: [&str; 3] = ["SY", "BA", "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"];
/// Stand for the owner, who is looked at by itself.
const OWNERS: [&str; 2] = ["CO", "OW"];
