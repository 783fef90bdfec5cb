import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Map;
import java.util.Scanner;
import org.neo4j.dbms.api.DatabaseManagementServiceBuilder;

/**
 * A Neo4j for tests: the artifacts have no program that starts one. Arguments are its
 * folder and its settings; the first line of the input is its password, empty if it
 * has one already. It ends where the input ends, and its folder goes with it, so it
 * cannot outlive who started it. A further line makes it leave the folder for another
 * start.
 */
public class Server {
    public static void main(String[] args) {
        try {
            run(args);
        } catch (Throwable t) {
            t.printStackTrace();
        }
        Runtime.getRuntime().halt(0);
    }

    private static void run(String[] args) throws Exception {
        Path home = Path.of(args[0]);
        Scanner input = new Scanner(System.in);
        String password = input.nextLine();
        var server = new DatabaseManagementServiceBuilder(home).loadPropertiesFromFile(Path.of(args[1])).build();
        if (!password.isEmpty()) {
            server.database("system").executeTransactionally(
                    "ALTER USER neo4j SET PASSWORD $password CHANGE NOT REQUIRED", Map.of("password", password));
        }
        System.out.println("ready");
        boolean keep = input.hasNextLine();
        server.shutdown();
        if (!keep) {
            try (var files = Files.walk(home)) {
                files.sorted(Comparator.reverseOrder()).forEach(p -> p.toFile().delete());
            }
        }
    }
}
