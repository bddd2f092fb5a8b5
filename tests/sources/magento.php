<?php

/**
 * Runs the Magento module's own classes against Magento's public signatures.
 *
 * Magento itself cannot be had from the package registries without an account, so what is declared in magento-stubs.php are
 * the signatures of magento/magento2 that the module calls or extends, with bodies of ours. Monolog is the real one.
 */

declare(strict_types=1);

require __DIR__ . '/magento-module.php';

use Breachd\Audit\DB\Adapter\TaggingMysql;
use Breachd\Audit\Logger\JsonLines;
use Breachd\Audit\Model\CurrentPerson;
use Breachd\Audit\Model\HrAudit;
use Breachd\Audit\Model\PersonName;
use Breachd\Audit\Model\SqlComment;
use Breachd\Audit\Observer\AdminLogin;
use Breachd\Audit\Observer\AdminLoginFailed;
use Breachd\Audit\Observer\AdminRequest;
use Breachd\Audit\Observer\NameInAccessLog;
use Breachd\Audit\Observer\PortalLogin;
use Breachd\Audit\Observer\PortalRequest;
use Breachd\Audit\Plugin\RestRequest;
use Magento\Authorization\Model\UserContextInterface;
use Magento\Framework\Component\ComponentRegistrar;
use Magento\Framework\DB\Adapter\AdapterInterface;
use Magento\Framework\Event\Observer;

$passed = $failed = 0;
$check = static function (string $what, bool $holds) use (&$passed, &$failed): void {
    $holds ? ++$passed : ++$failed;
    if (!$holds) {
        echo "FAILED: $what\n";
    }
};
$observed = static fn (array $data): Observer => new Observer($data);

// --- the tag ---
$check('nothing known, no tag', SqlComment::of(['uid' => null, 'rid' => '']) === '');
$check('keys are sorted', SqlComment::of(['uid' => 'u1', 'rid' => 'r1']) === "/*rid='r1',uid='u1'*/ ");
$nasty = "o'brien */ DROP TABLE x; /* ? :a \\ \u{fc} %27";
$tag = SqlComment::of(['uid' => $nasty]);
$check('one comment, whatever the name', preg_match("#\A/\*uid='([0-9A-Za-z%._~-]+)'\*/ \z#", $tag, $match) === 1);
$check('and the name comes back', rawurldecode($match[1] ?? '') === $nasty);

// --- the adapter ---
$adapter = new TaggingMysql();
$check('it is Magento\'s adapter', $adapter instanceof AdapterInterface);
$last = static fn (): string => $adapter->seen[count($adapter->seen) - 1];
$_SERVER['REQUEST_ID'] = '3f2a9c0d11112222333344445555aaaa';
CurrentPerson::is('u1042');
$front = "/*rid='3f2a9c0d11112222333344445555aaaa',uid='u1042'*/ ";
$adapter->query('SELECT 1', []);
$check('query', $last() === $front . 'SELECT 1');
$adapter->query('SELECT * FROM hr_payroll WHERE id = ?', 7);
$check('a bind that is no array', $last() === $front . 'SELECT * FROM hr_payroll WHERE id = ?' && $adapter->bound === 7);
$adapter->multiQuery('SELECT 2');
$check('multiQuery', $last() === $front . 'SELECT 2');
$adapter->rawQuery('SELECT 3');
$check('rawQuery, through query', $last() === $front . 'SELECT 3');
$adapter->fetchAll(new Magento\Framework\DB\Select('SELECT 4'));
$check('a Select, through fetchAll', $last() === $front . 'SELECT 4');
$adapter->query($front . 'SELECT 5');
$check('never twice', $last() === $front . 'SELECT 5');
$adapter->query("/*uid='admin'*/ SELECT 6");
$check('a tag that came with the statement does not stand first', $last() === $front . "/*uid='admin'*/ SELECT 6");
$adapter->query('ALTER TABLE a ADD b INT');
$check('DDL', $last() === $front . 'ALTER TABLE a ADD b INT');
$adapter->level = 1;
$refused = false;
try {
    $adapter->query(' alter table a add b int');
} catch (Exception $e) {
    $refused = $e->getMessage() === AdapterInterface::ERROR_DDL_MESSAGE;
}
$check('Magento still refuses DDL in a transaction', $refused);
$adapter->query('UPDATE a SET b = 1');
$check('other statements in a transaction', $last() === $front . 'UPDATE a SET b = 1');
$adapter->level = 0;
CurrentPerson::isUnknown();
unset($_SERVER['REQUEST_ID']);
$adapter->query('SELECT 7');
$check('outside a request', $last() === 'SELECT 7');

// --- names ---
CurrentPerson::is(str_repeat('x', 200));
$check('long names are cut to one that is still theirs', CurrentPerson::name() === 'sha256-' . hash('sha256', str_repeat('x', 200)));
CurrentPerson::is("a\nb");
$check('a name with a control character is none', CurrentPerson::name() === null);
foreach (["x'*/", 'short', str_repeat('a', 65), "abcdefgh\n"] as $id) {
    $_SERVER['HTTP_X_REQUEST_ID'] = $id;
    $check('a request id of other characters or lengths is none', CurrentPerson::requestId() === null);
}
$_SERVER['HTTP_X_REQUEST_ID'] = 'Zr@abc-DEF_123';
$check('a request id', CurrentPerson::requestId() === 'Zr@abc-DEF_123');

// --- the audit log ---
$directory = sys_get_temp_dir() . '/breachd-audit-' . getmypid();
mkdir($directory);
$logger = new Monolog\Logger('hr_audit', [new JsonLines(new Magento\Framework\App\Filesystem\DirectoryList($directory))]);
$_SERVER['REQUEST_URI'] = '/portal/payroll/export?iban=DE00';
$remote = new Magento\Framework\HTTP\PhpEnvironment\RemoteAddress('192.0.2.66');
$audit = new HrAudit($logger, $remote);
CurrentPerson::is('u1042');
$audit->record('export', true, ['table' => 'hr.payroll', 'rows' => 3000, 'salary' => 1]);
(new AdminLoginFailed($audit))->execute($observed(['user_name' => "root\n{\"action\":\"login\"}"]));
(new AdminLogin($audit))->execute($observed(['user' => new Magento\User\Model\User('ada')]));
$check('a login names the person', CurrentPerson::name() === 'ada');
(new PortalLogin($audit))->execute($observed(['customer' => new Magento\Customer\Model\Customer(7)]));
$text = file_get_contents("$directory/hr_audit.json.log");
$lines = array_map(static fn (string $line) => json_decode($line, true, 8, JSON_THROW_ON_ERROR), explode("\n", trim($text)));
$check('four lines, whatever a name holds', count($lines) === 4);
$check('channel', array_unique(array_column($lines, 'channel')) === ['hr_audit']);
$check('time with its zone', preg_match('/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+[+-]\d\d:\d\d$/', $lines[0]['datetime']) === 1);
$check('what was done', $lines[0]['context'] == [
    'action' => 'export', 'success' => true, 'table' => 'hr.payroll', 'rows' => 3000, 'user' => 'u1042',
    'ip' => '192.0.2.66', 'route' => '/portal/payroll/export', 'request_id' => 'Zr@abc-DEF_123',
]);
$check('a refused login', $lines[1]['context']['success'] === false && $lines[1]['context']['user'] === "root\n{\"action\":\"login\"}");
$check('a login', $lines[2]['context']['user'] === 'ada' && $lines[2]['context']['action'] === 'login');
$check('a customer\'s login', $lines[3]['context']['user'] === 'customer-7');
$check('others cannot read it', (fileperms("$directory/hr_audit.json.log") & 0777) === 0640);
unlink("$directory/hr_audit.json.log");
rmdir($directory);
$audit = new HrAudit(new Monolog\Logger('hr_audit', [new Monolog\Handler\StreamHandler('/proc/nowhere/x')]), $remote);
ini_set('error_log', '/dev/null');
$audit->record('view');
$check('a log that cannot be written does not break the request', true);

// --- who is there ---
(new AdminRequest(new Magento\Backend\Model\Auth\Session(new Magento\User\Model\User('grace'))))->execute($observed([]));
$check('an admin', CurrentPerson::name() === 'grace');
(new AdminRequest(new Magento\Backend\Model\Auth\Session(null)))->execute($observed([]));
$check('nobody in the next request', CurrentPerson::name() === null);
(new PortalRequest(new Magento\Customer\Model\Session(12)))->execute($observed([]));
$check('a customer', CurrentPerson::name() === 'customer-12');
$validator = new Magento\Webapi\Controller\Rest\RequestValidator();
$names = new PersonName(new Magento\User\Model\UserFactory());
foreach ([
    [UserContextInterface::USER_TYPE_INTEGRATION, 3, 'integration-3'],
    [UserContextInterface::USER_TYPE_ADMIN, 1, 'admin1'],
    [UserContextInterface::USER_TYPE_CUSTOMER, 9, 'customer-9'],
    [UserContextInterface::USER_TYPE_GUEST, 0, null],
    [null, null, null],
] as [$type, $id, $name]) {
    $plugin = new RestRequest(new Magento\Test\Context($type, $id), $names);
    $plugin->beforeValidate($validator);
    $plugin->afterValidate($validator, $validator->validate());
    $check('the web API: ' . var_export($name, true), CurrentPerson::name() === $name);
}

// --- the response ---
$answer = static function (?string $person, ?string $caching): ?string {
    $person === null ? CurrentPerson::isUnknown() : CurrentPerson::is($person);
    $response = new Magento\Framework\App\Response\Http($caching);
    (new NameInAccessLog())->execute(new Observer(['response' => $response]));
    return $response->set['X-Portal-User'] ?? null;
};
$check('the header', $answer('u1042', 'private, no-store') === 'u1042' && $answer('u1042', null) === 'u1042');
$check('not where it could be kept', $answer('u1042', 'max-age=86400, public, s-maxage=86400') === null);
$check('not without a person, nor with one that no header may hold', $answer(null, null) === null && $answer("\u{fc}", null) === null);

// --- what Magento reads ---
require $module . '/registration.php';
$check('registration', ComponentRegistrar::$registered === [['module', 'Breachd_Audit', $module]]);
$composer = json_decode(file_get_contents("$module/composer.json"), true, 8, JSON_THROW_ON_ERROR);
$check('composer.json', $composer['type'] === 'magento2-module');
$named = 0;
foreach (new RecursiveIteratorIterator(new RecursiveDirectoryIterator("$module/etc", FilesystemIterator::SKIP_DOTS)) as $file) {
    // Every class of ours that the XML names is there (what is no class is the virtual type).
    preg_match_all('/Breachd\\\\Audit\\\\[\w\\\\]+/', file_get_contents((string) $file), $match);
    foreach (array_diff($match[0], ['Breachd\\Audit\\Logger']) as $class) {
        $check("$file names $class", class_exists($class));
        ++$named;
    }
}
$check('the XML names classes', $named >= 8);

echo "$passed passed, $failed failed\n";
exit($failed === 0 ? 0 : 1);
