// Checks tests/vectors/mix.csv against the algorithm as src/table/mix.rs documents it. Java 17.
//
//     java tests/vectors/Mix.java tests/vectors/mix.csv

import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

class Mix {
    static long subnet(String address) throws Exception {
        byte[] bytes = InetAddress.getByName(address).getAddress();
        long family = bytes.length == 4 ? 4 : 6, subnet = 0;
        for (int i = 0; i < (family == 4 ? 3 : 6); i++) subnet = subnet << 8 | bytes[i] & 0xff;
        return family << 56 | subnet;
    }

    static long nameHash(String name) {
        long hash = 0xcbf29ce484222325L;
        for (byte b : name.getBytes(StandardCharsets.UTF_8)) hash = (hash ^ b & 0xff) * 0x100000001b3L;
        return hash;
    }

    static long mix(long z) {
        z ^= z >>> 30;
        z *= 0xbf58476d1ce4e5b9L;
        z ^= z >>> 27;
        z *= 0x94d049bb133111ebL;
        return z ^ z >>> 31;
    }

    static final long[] TABLE = new long[257];

    static {
        for (int i = 0; i < 256; i++) {
            long m = 256L + i << 23;
            for (int digits = 0; digits < 32; digits++) {
                m = m * m >>> 31;
                TABLE[i] = TABLE[i] << 1 | m >>> 32;
                m >>>= m >>> 32;
            }
        }
        TABLE[256] = 1L << 32;
    }

    static long score(long hash, int weight) {
        hash |= 1;
        int zeros = Long.numberOfLeadingZeros(hash);
        long n = hash << zeros, rest = n >>> 23 & 0xffffffffL;
        int i = (int) (n >>> 55 & 0xff);
        long fraction = TABLE[i] + ((TABLE[i + 1] - TABLE[i]) * rest >>> 32);
        return ((zeros + 1L << 32) - fraction << 24) / weight;
    }

    public static void main(String[] arguments) throws Exception {
        int rows = 0, wrong = 0;
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            if (rows++ == 0) continue;
            String[] field = line.split(",");
            long subnet = subnet(field[0]), nameHash = nameHash(field[1]), hash = mix(mix(subnet) + mix(nameHash));
            long score = score(hash, Integer.parseInt(field[2]));
            String found = String.format("%016x,%016x,%016x,%016x", subnet, nameHash, hash, score);
            if (!line.endsWith("," + found)) {
                System.err.println(line + "\n    found " + found);
                wrong++;
            }
        }
        System.out.println(rows - 1 + " rows, " + wrong + " wrong");
        System.exit(rows > 1 && wrong == 0 ? 0 : 1);
    }
}
