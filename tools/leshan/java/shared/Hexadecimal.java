/** Bytes as hexadecimal text. */
final class Hexadecimal {

    private Hexadecimal() {
    }

    /** The bytes of a text; IllegalArgumentException, which does not quote it. */
    static byte[] bytes(String text) {
        byte[] bytes = new byte[text.length() / 2];
        for (int i = 0; i < text.length(); i++) {
            int digit = Character.digit(text.charAt(i), 16);
            if (digit < 0 || text.length() % 2 != 0) {
                throw new IllegalArgumentException("no hexadecimal text");
            }
            bytes[i / 2] = (byte) (bytes[i / 2] << 4 | digit);
        }
        return bytes;
    }
}
