package dev.ambit;

import java.util.List;

/** What the signers of a policy say of it: which it is, from when and until when (seconds since 1970). */
public record Statement(String uid, long version, long issued, long expires, String fileS256, String guestS256, String bundleS256,
        String testsS256, List<String> signers, int abi) {
    static Statement of(Json said) {
        return new Statement(said.get("uid").string(), said.get("version").number(), said.get("issued").number(),
                said.get("expires").number(), said.get("file_s256").string(), said.get("guest_s256").string(),
                said.get("bundle_s256").string(), said.get("tests_s256").string(), said.get("signers").strings(),
                (int) said.get("abi").number());
    }
}
