<?php

/** Loads the Magento module, the real Monolog, and the declarations in Magento's place. */

declare(strict_types=1);

require 'Psr/Log/autoload.php';
require 'Monolog/autoload.php';
require __DIR__ . '/magento-stubs.php';

$module = dirname(__DIR__, 2) . '/deploy/sources/magento/Breachd_Audit';
spl_autoload_register(static function (string $class) use ($module): void {
    if (str_starts_with($class, 'Breachd\\Audit\\')) {
        require $module . '/' . strtr(substr($class, strlen('Breachd\\Audit\\')), '\\', '/') . '.php';
    }
});
