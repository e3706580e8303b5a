//! Windows' access control lists, in the text form that it gives them ("Security Descriptor String Format" in Microsoft's
//! documentation).

/// The owner and the access control list of a file or a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AccessList {
    pub(super) owner: String,
    /// None when everybody may do everything.
    entries: Option<Vec<AccessEntry>>,
}

/// One entry that allows something.
#[derive(Clone, Debug, PartialEq, Eq)]
struct AccessEntry {
    who: String,
    rights: u32,
    /// It is for what will be made in the folder, not for the folder.
    is_for_children: bool,
}

impl AccessList {
    /// `O:OWNERD:FLAGS(ENTRY)(ENTRY)`. None when any of it is not understood.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (owner, list) = text.strip_prefix("O:")?.split_once("D:")?;
        let (flags, entries) = list.find('(').map_or((list, ""), |begin| list.split_at(begin));
        if !is_word(owner) || !flags.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
            return None;
        }
        let entries = if flags == "NO_ACCESS_CONTROL" && entries.is_empty() {
            None
        } else {
            Some(AccessEntry::parse_all(entries)?)
        };
        Some(Self { owner: owner.to_owned(), entries })
    }

    /// True when others than `trusted` may do one of `rights`.
    pub(super) fn lets_others(&self, rights: u32, trusted: &[&str]) -> bool {
        let Some(entries) = &self.entries else { return true };
        entries.iter().any(|entry| {
            !entry.is_for_children && !trusted.contains(&entry.who.as_str()) && entry.rights & rights != 0
        })
    }
}

impl AccessEntry {
    /// Those that allow something; what denies something counts for nothing.
    fn parse_all(text: &str) -> Option<Vec<Self>> {
        if text.is_empty() {
            return Some(Vec::new());
        }
        let mut entries = Vec::new();
        for entry in text.strip_prefix('(')?.strip_suffix(')')?.split(")(") {
            // `TYPE;FLAGS;RIGHTS;;;WHO`
            let fields: Vec<&str> = entry.split(';').collect();
            let [kind, flags, rights, "", "", who] = fields[..] else { return None };
            let is_for_children = in_pairs(flags)?.contains(&"IO");
            let rights = rights_of(rights)?;
            match kind {
                "A" if is_word(who) => entries.push(Self { who: who.to_owned(), rights, is_for_children }),
                "D" => {}
                _ => return None,
            }
        }
        Some(entries)
    }
}

/// A security identifier, or the short name of one.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

fn rights_of(text: &str) -> Option<u32> {
    if let Some(digits) = text.strip_prefix("0x") {
        return u32::from_str_radix(digits, 16).ok();
    }
    let one = |name: &str| RIGHTS.iter().find(|(known, _)| *known == name).map(|(_, bits)| *bits);
    in_pairs(text)?.into_iter().try_fold(0, |all, name| Some(all | one(name)?))
}

fn in_pairs(text: &str) -> Option<Vec<&str>> {
    (0..text.len()).step_by(2).map(|start| text.get(start..start + 2)).collect()
}

/// Bits of an access mask (`winnt.h`).
pub(super) const READ_DATA: u32 = 1;
pub(super) const WRITE_DATA: u32 = 2;
const APPEND_DATA: u32 = 4;
const WRITE_EXTENDED: u32 = 0x10;
const DELETE_CHILD: u32 = 0x40;
pub(super) const READ_ATTRIBUTES: u32 = 0x80;
pub(super) const WRITE_ATTRIBUTES: u32 = 0x100;
const DELETE: u32 = 0x1_0000;
pub(super) const READ_CONTROL: u32 = 0x2_0000;
pub(super) const WRITE_DAC: u32 = 0x4_0000;
pub(super) const WRITE_OWNER: u32 = 0x8_0000;
const GENERIC_ALL: u32 = 0x1000_0000;
const GENERIC_WRITE: u32 = 0x4000_0000;
const GENERIC_READ: u32 = 0x8000_0000;

/// To become the owner, or to change the list, is to be able to do everything.
const RULING: u32 = WRITE_DAC | WRITE_OWNER | GENERIC_ALL;
pub(super) const READING: u32 = READ_DATA | GENERIC_READ | RULING;
pub(super) const WRITING: u32 = WRITE_DATA
    | APPEND_DATA
    | WRITE_EXTENDED
    | DELETE_CHILD
    | WRITE_ATTRIBUTES
    | DELETE
    | GENERIC_WRITE
    | RULING;
/// Renaming a folder, or what is in it.
pub(super) const RENAMING: u32 = DELETE | DELETE_CHILD | RULING;

/// The names of rights ("ACE Strings" in Microsoft's documentation).
const RIGHTS: [(&str, u32); 21] = [
    ("GA", GENERIC_ALL),
    ("GR", GENERIC_READ),
    ("GW", GENERIC_WRITE),
    ("GX", 0x2000_0000),
    ("RC", READ_CONTROL),
    ("SD", DELETE),
    ("WD", WRITE_DAC),
    ("WO", WRITE_OWNER),
    ("FA", 0x1F_01FF),
    ("FR", 0x12_0089),
    ("FW", 0x12_0116),
    ("FX", 0x12_00A0),
    ("CC", READ_DATA),
    ("DC", WRITE_DATA),
    ("LC", APPEND_DATA),
    ("SW", 8),
    ("RP", WRITE_EXTENDED),
    ("WP", 0x20),
    ("DT", DELETE_CHILD),
    ("LO", READ_ATTRIBUTES),
    ("CR", WRITE_ATTRIBUTES),
];

#[cfg(test)]
mod tests {
    use super::*;

    const ME: &str = "S-1-5-21-1-2-3-1001";

    fn lets_others(list: &str, rights: u32) -> bool {
        let list = AccessList::parse(&format!("O:{ME}D:{list}")).unwrap();
        assert_eq!(list.owner, ME);
        list.lets_others(rights, &[ME, "SY", "BA"])
    }

    #[test]
    fn a_list_says_what_others_may_do() {
        // As this program makes them, and as Windows makes those of a home folder.
        for private in ["P(A;;FA;;;S-1-5-21-1-2-3-1001)", "PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)", "", "PAI"] {
            assert!(!lets_others(private, u32::MAX), "{private}");
        }
        // That of `C:\`: others may make folders there, and rule what they make, but rename nothing.
        let root = "PAI(A;OICI;FA;;;SY)(A;OICIIO;SDGXGWGR;;;AU)(A;;LC;;;AU)(A;OICI;0x1200a9;;;BU)";
        assert!(lets_others(root, READING) && lets_others(root, WRITING) && !lets_others(root, RENAMING));
        for (list, rights, may) in [
            ("(A;;FR;;;WD)", READING, true),
            ("(A;;FR;;;WD)", WRITING, false),
            ("(A;ID;0x1301bf;;;AU)", WRITING, true),
            ("(A;ID;0x1301bf;;;AU)", RENAMING, true),
            ("(A;;WO;;;S-1-5-21-9-9-9-1)", READING, true),
            ("(A;;DT;;;WD)", RENAMING, true),
            ("(A;OICIIO;FA;;;WD)", WRITING, false),
            ("(D;;FA;;;WD)(A;;FX;;;WD)", WRITING, false),
            ("NO_ACCESS_CONTROL", READING, true),
        ] {
            assert_eq!(lets_others(list, rights), may, "{list} {rights:x}");
        }
    }

    #[test]
    fn what_is_not_understood_is_no_list() {
        for odd in [
            "",
            "O:",
            "D:(A;;FA;;;WD)",
            "O:SY",
            "O:D:(A;;FA;;;WD)",
            "O:SYD:(A;;FA;;;WD",
            "O:SYD:(A;;F;;;WD)",
            "O:SYD:(A;;XX;;;WD)",
            "O:SYD:(A;;0x100000000;;;WD)",
            "O:SYD:(A;I;FA;;;WD)",
            "O:SYD:(A;;FA;;WD)",
            "O:SYD:(A;;FA;guid;;WD)",
            "O:SYD:(A;;FA;;;)",
            "O:SYD:(Z;;FA;;;WD)",
            "O:SYD:(XA;;FX;;;WD;(Member_of {SID(BA)}))",
            "O:SYD:(A;;é;;;WD)",
            "O:SYD:(A;;FA;;;WD)S:(ML;;NW;;;LW)",
        ] {
            assert_eq!(AccessList::parse(odd), None, "{odd}");
        }
    }
}
