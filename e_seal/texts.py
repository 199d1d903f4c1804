"""What each finding of a verification means, in Chinese and in English."""

from collections.abc import Mapping
from typing import Final

from e_seal.findings import Code, Verdict
from kernel.errors import Text

FINDINGS: Final[Mapping[Code, Text]] = {
    Code.OFD_MALFORMED: Text(
        "文件结构损坏或不完整，无法作为版式文件读取。",
        "The file is broken or incomplete and cannot be read as a document.",
    ),
    Code.OFD_UNSAFE: Text(
        "文件含有危险结构（如重名条目、越界路径、压缩炸弹或 DTD），已拒绝读取。",
        "The file is built dangerously (duplicate or escaping names, bombs, DTDs) and is refused.",
    ),
    Code.PDF_MALFORMED: Text(
        "PDF 文件损坏、加密或结构异常，无法核验。",
        "The PDF is broken, encrypted or oddly built and cannot be verified.",
    ),
    Code.BYTE_RANGE_INVALID: Text(
        "签名的覆盖范围不正确，遗漏了签名值以外的内容。",
        "The signed ranges leave out more than the signature value.",
    ),
    Code.NOT_SIGNED: Text("文件没有任何签章。", "The document carries no signature."),
    Code.SES_FORMAT_INVALID: Text(
        "签章数据不符合电子签章的格式。", "The signature value is no well-formed seal signature."
    ),
    Code.SIGNED_DATA_INVALID: Text(
        "数字签名数据不符合 GB/T 35275 的格式。",
        "The signature value is no well-formed signed data (GB/T 35275).",
    ),
    Code.ALG_UNSUPPORTED: Text(
        "使用了不接受的密码算法，只接受 SM2 与 SM3。",
        "An algorithm other than SM2 with SM3 is used.",
    ),
    Code.SIGNATURE_INVALID: Text(
        "签名值不正确：签名人没有签署这些内容。",
        "The signature value is wrong: the signer did not sign this.",
    ),
    Code.SIGNER_UNKNOWN: Text(
        "签名中没有证书，无法确定签名人。",
        "The signature names no certificate; its signer is unknown.",
    ),
    Code.SIGNER_NOT_IN_SEAL: Text(
        "签名证书不在印章的签章人列表中。", "The seal does not list the signer's certificate."
    ),
    Code.SEAL_FORMAT_INVALID: Text("印章数据格式不正确。", "The seal is malformed."),
    Code.SEAL_SIGNATURE_INVALID: Text(
        "印章不是其制章者制作的，或制作后被改动。",
        "The seal was not made by its stated maker, or was changed since.",
    ),
    Code.SEAL_MAKER_UNTRUSTED: Text(
        "制章者证书不可信：无法追溯到信任的根、用途不符，或制章时无效或已撤销。",
        "The seal maker's certificate is not trusted, may not sign, or was not valid then.",
    ),
    Code.SEAL_EXPIRED: Text("印章不在有效期内。", "The seal is outside its validity period."),
    Code.SEAL_CREATE_DATE_IMPLAUSIBLE: Text(
        "印章的制作时间晚于签章时间。", "The seal states that it was made after it was used."
    ),
    Code.SEAL_TIMESTAMP_INVALID: Text(
        "印章的时间戳无效。", "The seal's own timestamp does not hold."
    ),
    Code.SIGNER_CHAIN_UNTRUSTED: Text(
        "签名证书无法追溯到信任的根证书。",
        "No path leads from the signer's certificate to a trusted root.",
    ),
    Code.SIGNER_KEY_USAGE: Text(
        "签名证书的用途不允许签名。", "The signer's certificate may not be used for signing."
    ),
    Code.CHAIN_UNCHECKED: Text(
        "本机没有配置信任的根证书，无法判断证书是否可信。",
        "No trusted roots are configured here; whose certificate it is was not decided.",
    ),
    Code.SIGN_TIME_OUTSIDE_CERT: Text(
        "签章时间不在签名证书的有效期内。",
        "The signing time lies outside the signer's certificate.",
    ),
    Code.SIGNER_REVOKED: Text(
        "签名证书在签章之前已被撤销。", "The signer's certificate was revoked before it signed."
    ),
    Code.REVOCATION_UNCHECKED: Text(
        "无法取得有效的证书撤销列表，证书是否撤销未知。",
        "No current revocation list could be had; whether a certificate is revoked is unknown.",
    ),
    Code.SIGN_TIME_OUTSIDE_SEAL: Text(
        "签章时间不在印章的有效期内。", "The signing time lies outside the seal's validity period."
    ),
    Code.SIGN_TIME_IMPLAUSIBLE: Text(
        "签章时间在将来，或与请求时间不符。", "The signing time lies in the future or does not fit."
    ),
    Code.DATA_HASH_MISMATCH: Text(
        "签名描述文件 Signature.xml 与被签署的不一致。",
        "Signature.xml is not the one that was signed.",
    ),
    Code.PROPERTY_PATH_MISMATCH: Text(
        "签名是为另一位置的 Signature.xml 制作的。",
        "The signature was made for a Signature.xml at another place.",
    ),
    Code.REF_MISSING: Text("被签署的文件缺失。", "Parts that were signed are missing."),
    Code.REF_MODIFIED: Text("被签署的文件在签章后被改动。", "Parts were changed after signing."),
    Code.SEAL_FILE_MISMATCH: Text(
        "文件中的印章与签章所用的印章不是同一个。",
        "The seal in the file is not the one that signed.",
    ),
    Code.SEAL_CODE_MISMATCH: Text(
        "使用的不是所要求的印章。", "Another seal than the wanted one was used."
    ),
    Code.TIMESTAMP_INVALID: Text(
        "签名的时间戳无效。", "The timestamp of the signature does not hold."
    ),
    Code.STAMP_ANNOT_INVALID: Text(
        "印章外观指向不存在的页面，或其区域不正确。",
        "A seal's appearance names a page that does not exist, or no proper area.",
    ),
    Code.SIGNATURE_LIST_INVALID: Text(
        "签名列表有重复或互相矛盾的条目。",
        "The list of signatures or OFD.xml contains duplicates or contradictions.",
    ),
    Code.COVERAGE_PARTIAL: Text(
        "文件中有可以显示但没有被签署的内容。",
        "The document shows parts that no valid signature covers.",
    ),
    Code.SEAL_REVOKED: Text(
        "印章状态系统答复：该印章已停用。", "The status system says that the seal is out of use."
    ),
    Code.W_RAW_RS: Text(
        "签名值以原始 r‖s 存放，而不是标准的 DER 编码。",
        "The signature value is stored as raw r‖s instead of DER.",
    ),
    Code.W_SEAL_CREATE_DATE: Text(
        "印章制作时间不在制章者证书的有效期内，按使用时间判断有效。",
        "The seal was made outside its maker's certificate, which was valid when it was used.",
    ),
    Code.W_SEAL_MAKER_EXPIRED_NOW: Text(
        "制章者证书现已过期，制章时有效。",
        "The seal maker's certificate has expired since; it was valid when the seal was made.",
    ),
    Code.W_SEAL_MAKER_REVOKED_LATER: Text(
        "制章者证书在制章之后被撤销。",
        "The seal maker's certificate was revoked after the seal was made.",
    ),
    Code.W_TIME_SKEW: Text(
        "时间略超出有效期，可能是时区写法造成的。",
        "A time lies just outside a period, probably because of its time zone.",
    ),
    Code.W_SIGNER_EXPIRED_NOW: Text(
        "签名证书现已过期，签章时有效。",
        "The signer's certificate has expired since; it was valid at the signing time.",
    ),
    Code.W_SIGNER_REVOKED_LATER: Text(
        "签名证书在签章之后被撤销。", "The signer's certificate was revoked after it signed."
    ),
    Code.W_PROPERTY_PATH: Text(
        "签名中记录的路径写法与实际不同，但指向同一文件。",
        "The signed path is written differently but means the same file.",
    ),
    Code.W_UNKNOWN_CRITICAL_EXT: Text(
        "签名含有不认识的关键扩展。", "The signature holds a critical extension that is not known."
    ),
    Code.W_SEAL_REVOKED_LATER: Text(
        "印章在用章之后失效，用章时有效。", "The seal was revoked after it was used here."
    ),
    Code.W_SIGNER_OTHER_CODE: Text(
        "签章者证书上的印章编码与印章不同。",
        "The signer's certificate names the code of another seal.",
    ),
    Code.W_TIMESTAMP_UNCHECKED: Text(
        "时间戳未能完整检查，时间只是签名人自己的声明。",
        "A timestamp could not be checked; the time is only what the signer states.",
    ),
    Code.W_SIGNATURE_TYPE: Text(
        "签名列表中的类型与签名值的种类不同。",
        "The list of signatures states another type than the value has.",
    ),
    Code.W_LATER_REVISION: Text(
        "该签章之后文件又有更新，更新内容由后一签章确认。",
        "The file was updated after this signature; a later signature covers the update.",
    ),
    Code.W_ENTRY_UNSIGNED: Text(
        "文件包中有不显示、也没有被签署的条目。",
        "The container holds entries that are neither shown nor signed.",
    ),
    Code.W_STATUS_UNKNOWN: Text(
        "印章状态系统没有答复。", "The status system gave no answer about the seal."
    ),
}

VERDICTS: Final[Mapping[Verdict, Text]] = {
    Verdict.VALID: Text("有效", "Valid"),
    Verdict.VALID_WITH_WARNINGS: Text("有效，但有提示", "Valid, with warnings"),
    Verdict.INVALID: Text("无效", "Invalid"),
    Verdict.INDETERMINATE: Text("无法判定", "Cannot be decided"),
}

REVOCATION: Final = "certificate_revocation"
SEAL_STATUS: Final = "seal_status"
NOT_CHECKED: Final[Mapping[str, Text]] = {
    REVOCATION: Text(
        "证书是否被撤销（未配置撤销列表）",
        "whether certificates are revoked (no revocation lists are configured)",
    ),
    SEAL_STATUS: Text("印章现状（未查询状态系统）", "the seal's present state (nobody was asked)"),
}
